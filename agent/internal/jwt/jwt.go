// Package jwt checks the bearer tokens of clients: JSON Web Tokens (RFC 7519) that an authorization server has
// signed with one of the keys that it publishes (RFC 7517).
package jwt

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
)

// Settings are the options oauth2.* of servers.
type Settings struct {
	Validate bool

	issuer, keysURL, audience string
	clients                   []string
	refresh                   int
}

// Options returns the block.
func (s *Settings) Options() []option.Option {
	return []option.Option{
		option.Switch("oauth2.validate", &s.Validate).Default("false").Help("Take requests only with a valid OAuth2 token (a JWT with the algorithm RS256 or ES256)."),
		option.String("oauth2.issuer", &s.issuer).Help("Who must have issued the token."),
		option.String("oauth2.jwks_url", &s.keysURL).Help("Where the issuer publishes its keys: http:// or https://."),
		option.String("oauth2.allowed_audience", &s.audience).Help("Whom the token must be for."),
		option.Strings("oauth2.allowed_clients", &s.clients).Help("A client that is let in (azp, client_id or appid); all unless set."),
		option.Var("oauth2.jwks_refresh_interval", "integer", &s.refresh, option.AtLeast(option.ParseInt, 1)).Default("300").Help("After how many seconds the keys are asked for again."),
	}
}

// Check finds what is missing, without touching anything.
func (s *Settings) Check() error {
	if !s.Validate {
		return nil
	}
	u, err := url.Parse(s.keysURL)
	switch {
	case s.issuer == "" || s.keysURL == "":
		return errors.New("oauth2.validate needs oauth2.issuer and oauth2.jwks_url")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("oauth2.jwks_url: '%s' is no URL with http:// or https://", s.keysURL)
	}
	return nil
}

// Checker checks tokens. It is safe for several goroutines.
type Checker struct {
	set    Settings
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	keys  map[string]crypto.PublicKey
	asked time.Time
}

// New makes a checker.
func (s *Settings) New(log *slog.Logger) (*Checker, error) {
	u, err := url.Parse(s.keysURL)
	if err != nil {
		return nil, err
	}
	var where upstream.Settings
	if err := option.Decode(where.Options(), nil, option.Pos{}); err != nil {
		return nil, err
	}
	where.Host, where.TLS.On, where.TLS.VerifyHostname = u.Hostname(), u.Scheme == "https", true
	where.Port, _ = strconv.Atoi(u.Port())
	if where.Default(80); u.Port() == "" && where.TLS.On {
		where.Port = 443
	}
	up, err := where.New(log)
	if err != nil {
		return nil, err
	}
	transport, err := up.Transport(nil)
	if err != nil {
		return nil, err
	}
	return &Checker{set: *s, client: &http.Client{Transport: transport, Timeout: 10 * time.Second}, now: time.Now}, nil
}

// Close lets go of connections.
func (c *Checker) Close() { c.client.CloseIdleConnections() }

// maxToken is more than any sensible token has.
const maxToken = 16 << 10

type claims struct {
	Issuer   string          `json:"iss"`
	Audience json.RawMessage `json:"aud"`
	Expires  *float64        `json:"exp"`
	Before   *float64        `json:"nbf"`
	Party    string          `json:"azp"`
	Client   string          `json:"client_id"`
	App      string          `json:"appid"` // of ADFS
}

// Check looks at the header Authorization of a request.
func (c *Checker) Check(ctx context.Context, authorization string) error {
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return errors.New("the request has no bearer token")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("the token is no JWT")
	}
	var header struct{ Alg, Kid string }
	var cl claims
	if err := errors.Join(decode(parts[0], &header), decode(parts[1], &cl)); err != nil {
		return fmt.Errorf("the token is no JWT: %w", err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return fmt.Errorf("the token is no JWT: %w", err)
	}
	key, err := c.key(ctx, header.Kid)
	if err != nil {
		return err
	}
	if err := verify(header.Alg, key, parts[0]+"."+parts[1], signature); err != nil {
		return err
	}
	return c.check(&cl)
}

func decode(part string, v any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// verify goes by the key's type and not by what the token says that it is.
func verify(alg string, key crypto.PublicKey, text string, signature []byte) error {
	sum := sha256.Sum256([]byte(text))
	switch k := key.(type) {
	case *rsa.PublicKey:
		if alg == "RS256" && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		if alg == "ES256" && len(signature) == 64 {
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			if ecdsa.Verify(k, sum[:], r, s) {
				return nil
			}
		}
	}
	return errors.New("the token's signature is not the issuer's")
}

func (c *Checker) check(cl *claims) error {
	now := float64(c.now().Unix())
	client := cl.Party
	for _, other := range []string{cl.Client, cl.App} {
		if client == "" {
			client = other
		}
	}
	switch {
	case cl.Expires == nil || now >= *cl.Expires:
		return errors.New("the token has expired, or does not say when it does")
	case cl.Before != nil && now < *cl.Before:
		return errors.New("the token is not valid yet")
	case cl.Issuer != c.set.issuer:
		return fmt.Errorf("the token was issued by %.100q", cl.Issuer)
	case c.set.audience != "" && !slices.Contains(audiences(cl.Audience), c.set.audience):
		return errors.New("the token is for somebody else")
	case len(c.set.clients) > 0 && !slices.Contains(c.set.clients, client):
		return fmt.Errorf("the client %.100q is not among oauth2.allowed_clients", client)
	}
	return nil
}

// audiences reads a text or a list of texts.
func audiences(raw json.RawMessage) (list []string) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	_ = json.Unmarshal(raw, &list)
	return list
}

// key returns the issuer's key of that name. The keys are asked for again in time and not for every name that
// is not there: those are a client's to make up.
func (c *Checker) key(ctx context.Context, name string) (crypto.PublicKey, error) {
	c.mu.Lock() // held while asking: the others wait for the same answer
	defer c.mu.Unlock()
	if now := c.now(); c.keys == nil || now.Sub(c.asked) >= time.Duration(c.set.refresh)*time.Second {
		keys, err := c.ask(ctx)
		switch {
		case err == nil:
			c.keys, c.asked = keys, now
		case c.keys == nil:
			return nil, fmt.Errorf("the issuer's keys cannot be had from %s: %w", c.set.keysURL, err)
		default: // the earlier ones are better than none; the next request asks again, but not before a while
			c.asked = now.Add(10*time.Second - time.Duration(c.set.refresh)*time.Second)
		}
	}
	k, ok := c.keys[name]
	if !ok {
		return nil, fmt.Errorf("the token is signed with a key %.100q that the issuer does not publish", name)
	}
	return k, nil
}

func (c *Checker) ask(ctx context.Context) (map[string]crypto.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.set.keysURL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	return parseKeys(text)
}

// parseKeys reads a key set; keys of kinds that are not used here are passed over.
func parseKeys(text []byte) (map[string]crypto.PublicKey, error) {
	var set struct {
		Keys []struct{ Kty, Kid, Crv, N, E, X, Y string }
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	keys := map[string]crypto.PublicKey{}
	for _, k := range set.Keys {
		switch {
		case k.Kty == "RSA":
			n, e := number(k.N), number(k.E)
			if n != nil && e != nil && n.BitLen() >= 2048 && e.IsInt64() && e.Int64() > 2 && e.Int64() < 1<<31 {
				keys[k.Kid] = &rsa.PublicKey{N: n, E: int(e.Int64())}
			}
		case k.Kty == "EC" && k.Crv == "P-256":
			point, err1 := base64.RawURLEncoding.DecodeString(k.X)
			y, err2 := base64.RawURLEncoding.DecodeString(k.Y)
			if err1 == nil && err2 == nil {
				if key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, point, y)); err == nil {
					keys[k.Kid] = key
				}
			}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no key for RS256 or ES256")
	}
	return keys, nil
}

func number(text string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}
