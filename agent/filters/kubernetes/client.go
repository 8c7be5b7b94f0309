package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// serverOptions are how the API server and the kubelet are spoken to.
type serverOptions struct {
	caFile, caPath string
	verify         bool
	vhost          string
	verifyHost     bool
	tokenFile      string
	tokenCommand   string
	tokenTTL       time.Duration
	namespaceFile  string
}

func (o *serverOptions) options() []option.Option {
	return []option.Option{
		option.String("kube_ca_file", &o.caFile).Default(accountDir + "ca.crt").Help("The certificate of the authority that signed the server's."),
		option.String("kube_ca_path", &o.caPath).Help("A folder with such certificates."),
		option.Switch("tls.verify", &o.verify).Default("true").Help("Check the server's certificate."),
		option.Switch("tls.verify_hostname", &o.verifyHost).Default("off").Help("Check also that it was made for the name that is connected to, or for tls.vhost."),
		option.String("tls.vhost", &o.vhost).Help("The name to ask for with TLS."),
		option.String("kube_token_file", &o.tokenFile).Default(accountDir + "token").Help("The file with the token to identify with."),
		option.String("kube_token_command", &o.tokenCommand).Help("A command that prints the token, in place of the file."),
		option.Var("kube_token_ttl", "time", &o.tokenTTL, option.AtLeast(option.ParseDuration, 0)).Default("10m").Help("After how long the token is read again."),
		option.String("kube_namespace_file", &o.namespaceFile).Default(accountDir + "namespace").Help("The file with the agent's own namespace."),
	}
}

func kubeletURL(c *config) string {
	scheme := "https://"
	if c.preload != "" { // a test's kubelet
		scheme = "http://"
	}
	return scheme + net.JoinHostPort(c.kubeletHost, strconv.Itoa(c.kubeletPort))
}

// tlsConfig checks certificates against the cluster's authority. Their names are checked only when that is asked
// for: a kubelet's seldom fits the address at which it is reached.
func (o *serverOptions) tlsConfig() (*tls.Config, error) {
	conf := &tls.Config{ServerName: o.vhost, InsecureSkipVerify: !o.verify || !o.verifyHost} //nolint:gosec // VerifyConnection does it
	roots, err := o.roots()
	if err != nil || !o.verify {
		return conf, err
	}
	conf.RootCAs = roots
	if !o.verifyHost {
		conf.VerifyConnection = func(state tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, cert := range state.PeerCertificates[1:] {
				between.AddCert(cert)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
			return err
		}
	}
	return conf, nil
}

// roots reads the authorities; nil stands for those of the system.
func (o *serverOptions) roots() (*x509.CertPool, error) {
	files := []string{o.caFile}
	if o.caPath != "" {
		entries, err := os.ReadDir(o.caPath)
		if err != nil {
			return nil, fmt.Errorf("kube_ca_path: %w", err)
		}
		for _, e := range entries {
			files = append(files, filepath.Join(o.caPath, e.Name()))
		}
	}
	var pool *x509.CertPool
	for _, name := range files {
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // not in a pod
		}
		if err != nil {
			if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
				continue
			}
			return nil, fmt.Errorf("kube_ca_file: %w", err)
		}
		if pool == nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(data) && name == o.caFile {
			return nil, fmt.Errorf("kube_ca_file: %s holds no certificate in PEM", name)
		}
	}
	return pool, nil
}

// client asks one server. A server that did not answer is left alone for a while, so that it does not hold
// records up time and again.
type client struct {
	what, base string
	http       *http.Client
	tokens     *tokens

	mu    sync.Mutex
	pause time.Duration
	until time.Time
}

const (
	patience  = 3 * time.Second // for one answer
	maxAnswer = 64 << 20
)

var (
	errPause    = errors.New("it did not answer lately")
	errNotFound = errors.New("there is no such thing")
)

func newClient(what, base string, o *serverOptions, t *tokens, _ *slog.Logger) (*client, error) {
	conf, err := o.tlsConfig()
	if err != nil {
		return nil, err
	}
	return &client{what: what, base: base, tokens: t, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig:       conf,
		DialContext:           (&net.Dialer{Timeout: patience}).DialContext,
		TLSHandshakeTimeout:   patience,
		ResponseHeaderTimeout: 2 * patience,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
	}}}, nil
}

// get asks for one JSON document.
func (c *client) get(ctx context.Context, path string) (event.Value, error) {
	if c.pausing() {
		return nil, errPause
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := c.open(ctx, path)
	if err != nil {
		return nil, c.judge(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.judge(fmt.Errorf("read the answer of %s: %w", c.what, err))
	}
	v, _, err := event.ParseJSON(nil, data)
	if err != nil {
		return nil, c.judge(fmt.Errorf("the answer of %s is no JSON: %w", c.what, err))
	}
	return v, c.judge(nil)
}

// open sends a request and returns the answer when it is good.
func (c *client) open(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Fluent-Bit")
	if token := c.tokens.get(ctx); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp, nil
	case http.StatusNotFound:
		err = errNotFound
	case http.StatusGone:
		err = errExpired
	case http.StatusUnauthorized:
		c.tokens.forget()
		err = fmt.Errorf("%s refuses the token (401); see kube_token_file and kube_token_command", c.what)
	case http.StatusForbidden:
		err = fmt.Errorf("%s forbids it (403); the service account needs get, list and watch of pods and namespaces, and for the kubelet get of nodes/proxy", c.what)
	default:
		err = fmt.Errorf("%s answers %s", c.what, resp.Status)
	}
	resp.Body.Close()
	return nil, err
}

func (c *client) pausing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until)
}

// judge makes the pause longer with each failure in a row.
func (c *client) judge(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || errors.Is(err, errNotFound) {
		c.pause = 0
		return err
	}
	c.pause = min(max(2*c.pause, time.Second), longestPause)
	c.until = time.Now().Add(c.pause)
	return err
}
