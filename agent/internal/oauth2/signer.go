package oauth2

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// signer signs tokens with a private key (RFC 7523).
type signer struct {
	key  crypto.Signer
	cert []byte // DER
}

func newSigner(keyFile, certFile string) (*signer, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("oauth2.jwt_key_file: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("oauth2.jwt_key_file: %s holds no private key", keyFile)
	}
	key, err := parseKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("oauth2.jwt_key_file: %s: %w", keyFile, err)
	}
	text, err = os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("oauth2.jwt_cert_file: %w", err)
	}
	if block, _ = pem.Decode(text); block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("oauth2.jwt_cert_file: %s holds no certificate", certFile)
	}
	return &signer{key, block.Bytes}, nil
}

func parseKey(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch k := k.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("a key of type %T cannot sign here; use RSA, or ECDSA with P-256", k)
}

func (s *Source) assertion() (string, error) {
	audience := s.set.jwtAudience
	if audience == "" {
		audience = s.set.tokenURL
	}
	now := time.Now()
	return s.signer.sign(map[string]any{s.set.jwtHeader: s.signer.thumbprint(s.set.jwtHeader)}, map[string]any{
		"iss": s.set.clientID, "sub": s.set.clientID, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Unix() + int64(s.set.jwtTTL),
	})
}

// thumbprint names the certificate as the header's receiver expects it.
func (g *signer) thumbprint(header string) string {
	short := sha1.Sum(g.cert)
	switch header {
	case "x5t":
		return base64.RawURLEncoding.EncodeToString(short[:])
	case "x5t#S256":
		long := sha256.Sum256(g.cert)
		return base64.RawURLEncoding.EncodeToString(long[:])
	}
	return fmt.Sprintf("%X", short)
}

func (g *signer) sign(header, claims map[string]any) (string, error) {
	header["typ"], header["alg"] = "JWT", "RS256"
	ec, isEC := g.key.(*ecdsa.PrivateKey)
	if isEC {
		if ec.Curve.Params().BitSize != 256 {
			return "", errors.New("oauth2.jwt_key_file: an ECDSA key must be on the curve P-256")
		}
		header["alg"] = "ES256"
	}
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	if isEC {
		r, v, err := ecdsa.Sign(rand.Reader, ec, sum[:])
		if err != nil {
			return "", err
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		v.FillBytes(sig[32:])
	} else if sig, err = g.key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}
