// Package tlsoption is the shared block of settings tls.*: one list of options, and the client or server
// configuration that follows from it. Certificates, keys and authorities are read again when their files
// change, without a restart.
package tlsoption

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// Settings are the values of tls and tls.*.
type Settings struct {
	On             bool
	Verify         bool
	VerifyHostname bool
	VerifyClient   bool
	VHost          string
	CAFile, CAPath string
	CertFile       string
	KeyFile        string
	KeyPassword    string
	Min, Max       uint16
	Ciphers        []uint16

	Proxy struct {
		CAFile, CAPath         string
		Verify, VerifyHostname bool
	}

	debug int // for compatibility
}

// Options returns the block, for clients and servers alike; TLS is off by default.
func (s *Settings) Options() []option.Option {
	return []option.Option{
		option.Switch("tls", &s.On).Default("off").Help("Encrypt connections with TLS."),
		option.Switch("tls.verify", &s.Verify).Default("on").Help("Refuse a server whose certificate is not signed by a known authority."),
		option.Switch("tls.verify_client_cert", &s.VerifyClient).Default("off").Help("Servers: refuse clients without a certificate signed by tls.ca_file or tls.ca_path."),
		option.Int("tls.debug", &s.debug).Default("1").Help("Taken for compatibility; TLS errors are always logged."),
		option.String("tls.ca_file", &s.CAFile).Help("File with the certificates of authorities (PEM). The system's unless set."),
		option.String("tls.ca_path", &s.CAPath).Help("Directory of such files."),
		option.String("tls.crt_file", &s.CertFile).Help("File with the own certificate and its chain (PEM). It is read again when it changes."),
		option.String("tls.key_file", &s.KeyFile).Help("File with the certificate's private key (PEM)."),
		option.String("tls.key_passwd", &s.KeyPassword).Secret().Help("Password of an encrypted private key."),
		option.String("tls.vhost", &s.VHost).Help("Name of the server that is asked for (SNI) and verified; the host unless set."),
		option.Switch("tls.verify_hostname", &s.VerifyHostname).Default("off").Help("Refuse a server whose certificate is for another name."),
		option.Var("tls.min_version", "string", &s.Min, parseVersion).Help("The oldest version of TLS to speak: TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3. TLSv1.2 unless set."),
		option.Var("tls.max_version", "string", &s.Max, parseVersion).Help("The newest version of TLS to speak."),
		option.Var("tls.ciphers", "string", &s.Ciphers, parseCiphers).Help("Cipher suites up to TLSv1.2 by OpenSSL's names, separated by colons. TLSv1.3 has its own, which are not configurable."),
		option.String("tls.proxy.ca_file", &s.Proxy.CAFile).Help("The same as tls.ca_file, for a proxy that speaks TLS."),
		option.String("tls.proxy.ca_path", &s.Proxy.CAPath).Help("The same as tls.ca_path, for a proxy that speaks TLS."),
		option.Switch("tls.proxy.verify", &s.Proxy.Verify).Default("on").Help("The same as tls.verify, for a proxy that speaks TLS."),
		option.Switch("tls.proxy.verify_hostname", &s.Proxy.VerifyHostname).Default("on").Help("The same as tls.verify_hostname, for a proxy that speaks TLS."),
	}
}

// Client returns the configuration to connect to host with, nil when TLS is off. It reads all files once,
// so that a wrong one is found now; log hears of those that become unreadable later.
func (s *Settings) Client(host string, log *slog.Logger) (*tls.Config, error) {
	if !s.On {
		return nil, nil
	}
	return s.client(host, log)
}

// ProxyClient returns the configuration to connect to a proxy that speaks TLS with.
func (s *Settings) ProxyClient(host string, log *slog.Logger) (*tls.Config, error) {
	p := &Settings{Verify: s.Proxy.Verify, VerifyHostname: s.Proxy.VerifyHostname, CAFile: s.Proxy.CAFile, CAPath: s.Proxy.CAPath}
	return p.client(host, log)
}

func (s *Settings) client(host string, log *slog.Logger) (*tls.Config, error) {
	f, err := s.open(log)
	if err != nil {
		return nil, err
	}
	name := host
	if s.VHost != "" {
		name = s.VHost
	}
	c := s.config()
	c.ServerName = name
	// The library verifies chain and name at once or not at all, and Fluent Bit verifies the name only
	// when asked to.
	c.InsecureSkipVerify = true
	if s.Verify {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			o := x509.VerifyOptions{Roots: f.now().roots, Intermediates: x509.NewCertPool()}
			if s.VerifyHostname {
				o.DNSName = name
			}
			for _, cert := range state.PeerCertificates[1:] {
				o.Intermediates.AddCert(cert)
			}
			if _, err := state.PeerCertificates[0].Verify(o); err != nil {
				return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
			}
			return nil
		}
	}
	if s.CertFile != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.now().cert, nil }
	}
	return c, nil
}

// CheckServer looks at the settings of a server without opening a file.
func (s *Settings) CheckServer() error {
	switch {
	case !s.On:
		return nil
	case s.CertFile == "":
		return errors.New("tls is on, but there is no certificate to show; set tls.crt_file and tls.key_file")
	case s.VerifyClient && s.CAFile == "" && s.CAPath == "":
		return errors.New("tls.verify_client_cert needs to know whose certificates are good; set tls.ca_file or tls.ca_path")
	}
	return nil
}

// Server returns the configuration to listen with, nil when TLS is off.
func (s *Settings) Server(log *slog.Logger) (*tls.Config, error) {
	if !s.On {
		return nil, nil
	}
	if err := s.CheckServer(); err != nil {
		return nil, err
	}
	f, err := s.open(log)
	if err != nil {
		return nil, err
	}
	outer := s.config()
	outer.CipherSuites = nil // net/http would refuse a list without its favourites; each client's own is what counts
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := f.now()
		c := s.config()
		c.Certificates = []tls.Certificate{*m.cert}
		if s.VerifyClient {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.roots
		}
		c.NextProtos = outer.NextProtos
		return c, nil
	}
	return outer, nil
}

func (s *Settings) config() *tls.Config {
	return &tls.Config{MinVersion: max(s.Min, oldest(s.Min)), MaxVersion: s.Max, CipherSuites: s.Ciphers}
}

// oldest is the version that is spoken unless an older one is asked for.
func oldest(configured uint16) uint16 {
	if configured != 0 {
		return configured
	}
	return tls.VersionTLS12
}

var versions = map[string]uint16{
	"tlsv1": tls.VersionTLS10, "tlsv1.0": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13,
}

func parseVersion(s string) (uint16, error) {
	if v, ok := versions[strings.ToLower(s)]; ok {
		return v, nil
	}
	return 0, errors.New("is no version of TLS (TLSv1, TLSv1.1, TLSv1.2, TLSv1.3)")
}

// parseCiphers takes OpenSSL's names, such as ECDHE-RSA-AES128-GCM-SHA256, and those of the RFCs.
func parseCiphers(s string) ([]uint16, error) {
	known := map[string]uint16{}
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		known[c.Name] = c.ID
		known[opensslName(c.Name)] = c.ID
	}
	var ids []uint16
	for name := range strings.FieldsFuncSeq(s, func(c rune) bool { return c == ':' || c == ',' || c == ' ' }) {
		id, ok := known[strings.ToUpper(name)]
		if !ok {
			return nil, fmt.Errorf("names no cipher suite that is known here: '%s'", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// opensslName turns TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 into ECDHE-RSA-AES128-GCM-SHA256.
func opensslName(name string) string {
	if !strings.Contains(name, "_WITH_") {
		return name // of TLSv1.3, where both agree
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "TLS_"), "RSA_WITH_")
	return strings.NewReplacer("_WITH_", "-", "AES_128", "AES128", "AES_256", "AES256", "_CBC_SHA", "-SHA",
		"3DES_EDE", "DES-CBC3", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305", "_", "-").Replace(name)
}
