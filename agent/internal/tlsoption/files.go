package tlsoption

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// material is what the files hold.
type material struct {
	roots *x509.CertPool // nil: the system's
	cert  *tls.Certificate
}

// files remembers what it read and when the files were last written to.
type files struct {
	s   *Settings
	log *slog.Logger

	mu     sync.Mutex
	stamps string
	last   material
}

func (s *Settings) open(log *slog.Logger) (*files, error) {
	f := &files{s: s, log: log, stamps: s.stamps()}
	var err error
	f.last, err = s.read()
	return f, err
}

// now returns the material, read again when a file has changed. A change that cannot be read, such as one
// that is still being written, leaves the old material in use.
func (f *files) now() material {
	f.mu.Lock()
	defer f.mu.Unlock()
	stamps := f.s.stamps()
	if stamps == f.stamps {
		return f.last
	}
	f.stamps = stamps
	m, err := f.s.read()
	if err != nil {
		f.log.Warn(fmt.Sprintf("TLS files have changed but cannot be used, the earlier ones stay in use: %v", err))
		return f.last
	}
	f.log.Info("TLS files have changed and were read again")
	f.last = m
	return m
}

// stamps renders name, time and size of every file, so that a difference means a change.
func (s *Settings) stamps() string {
	var b strings.Builder
	for _, path := range s.paths() {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", path, info.ModTime().UnixNano(), info.Size())
		}
	}
	return b.String()
}

func (s *Settings) paths() []string {
	var all []string
	for _, p := range []string{s.CAFile, s.CertFile, s.KeyFile} {
		if p != "" {
			all = append(all, p)
		}
	}
	return append(all, s.authorities()...)
}

// authorities lists the files of tls.ca_path.
func (s *Settings) authorities() []string {
	if s.CAPath == "" {
		return nil
	}
	entries, _ := os.ReadDir(s.CAPath) // read complains
	var all []string
	for _, e := range entries {
		if !e.IsDir() {
			all = append(all, filepath.Join(s.CAPath, e.Name()))
		}
	}
	return all
}

func (s *Settings) read() (m material, err error) {
	if s.CAFile != "" || s.CAPath != "" {
		m.roots = x509.NewCertPool()
	}
	if s.CAFile != "" {
		text, err := os.ReadFile(s.CAFile)
		if err != nil {
			return m, fmt.Errorf("tls.ca_file: %w", err)
		}
		if !m.roots.AppendCertsFromPEM(text) {
			return m, fmt.Errorf("tls.ca_file: %s holds no certificate", s.CAFile)
		}
	}
	if s.CAPath != "" {
		found := false
		for _, path := range s.authorities() {
			text, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return m, fmt.Errorf("tls.ca_path: %w", err)
			}
			found = m.roots.AppendCertsFromPEM(text) || found
		}
		if !found {
			return m, fmt.Errorf("tls.ca_path: %s holds no certificate", s.CAPath)
		}
	}
	if s.CertFile == "" {
		return m, nil
	}
	m.cert, err = s.readCert()
	return m, err
}

func (s *Settings) readCert() (*tls.Certificate, error) {
	text, err := os.ReadFile(s.CertFile)
	if err != nil {
		return nil, fmt.Errorf("tls.crt_file: %w", err)
	}
	key := text // both may be in one file
	if s.KeyFile != "" {
		if key, err = os.ReadFile(s.KeyFile); err != nil {
			return nil, fmt.Errorf("tls.key_file: %w", err)
		}
	}
	if key, err = decryptKey(key, s.KeyPassword); err != nil {
		return nil, fmt.Errorf("tls.key_file: %w", err)
	}
	cert, err := tls.X509KeyPair(text, key)
	if err != nil {
		return nil, fmt.Errorf("tls.crt_file %s and tls.key_file %s do not work together: %w", s.CertFile, s.KeyFile, err)
	}
	return &cert, nil
}

// decryptKey returns PEM text whose private key is plain.
func decryptKey(text []byte, password string) ([]byte, error) {
	if !bytes.Contains(text, []byte("ENCRYPTED")) {
		return text, nil // fast path
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("the encrypted private key is not readable")
		}
		var der []byte
		var err error
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			der, err = decryptPKCS8(block.Bytes, password)
			block.Type = "PRIVATE KEY"
		case block.Headers["DEK-Info"] != "":
			// The old form is weak, but it is what people have.
			der, err = x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck // deprecated for its weakness, see above
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the private key is encrypted and does not open with tls.key_passwd: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
	}
}
