// Package oauth2 gets access tokens by the client credentials grant (RFC 6749, 4.4) for outputs that send
// to servers which want one, and keeps each until shortly before it expires.
package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/upstream"
	"github.com/fluent/fluent-bit-go/option"
)

// Settings are the options oauth2.*.
type Settings struct {
	Enable                 bool
	tokenURL               string
	clientID, clientSecret string
	userAgent              string
	scope, audience        string
	resource               string
	method                 string
	keyFile, certFile      string
	jwtAudience, jwtHeader string
	jwtTTL, skew           int
	timeout, connect       time.Duration
}

// Ways to prove who the client is.
const (
	basic      = "basic"
	post       = "post"
	privateKey = "private_key_jwt"
)

// Options returns the block oauth2.*.
func (s *Settings) Options() []option.Option {
	return []option.Option{
		option.Switch("oauth2.enable", &s.Enable).Default("false").Help("Get an access token and send it with each request."),
		option.String("oauth2.token_url", &s.tokenURL).Help("Where tokens are asked for: http:// or https://."),
		option.String("oauth2.client_id", &s.clientID).Help("Name that the authorization server knows the client by."),
		option.String("oauth2.client_secret", &s.clientSecret).Secret().Help("The client's password, for basic and post."),
		option.String("oauth2.user_agent", &s.userAgent).Help("User-Agent of requests for tokens."),
		option.String("oauth2.scope", &s.scope).Help("Scope to ask for."),
		option.String("oauth2.audience", &s.audience).Help("Audience to ask for."),
		option.String("oauth2.resource", &s.resource).Help("Resource to ask for (RFC 8707)."),
		option.Enum("oauth2.auth_method", &s.method, basic, post, privateKey).Default(basic).Help("How the client proves who it is: a password in the header (basic) or the body (post), or a signed token (private_key_jwt)."),
		option.String("oauth2.jwt_key_file", &s.keyFile).Help("File with the private key (PEM), for private_key_jwt."),
		option.String("oauth2.jwt_cert_file", &s.certFile).Help("File with the certificate of that key (PEM)."),
		option.String("oauth2.jwt_aud", &s.jwtAudience).Help("Audience of the signed token; the token URL unless set."),
		option.String("oauth2.jwt_header", &s.jwtHeader).Default("kid").Help("Header of the signed token that names the certificate by its thumbprint: kid, x5t or x5t#S256."),
		option.Int("oauth2.jwt_ttl_seconds", &s.jwtTTL).Default("300").Help("How long the signed token is valid."),
		option.Int("oauth2.refresh_skew_seconds", &s.skew).Default("60").Help("How long before its end a token is replaced."),
		option.Duration("oauth2.timeout", &s.timeout).Default("0s").Help("How long a request for a token may take; 0 for what the output's requests may."),
		option.Duration("oauth2.connect_timeout", &s.connect).Default("0s").Help("How long connecting for it may take; 0 for net.connect_timeout."),
	}
}

// Check finds what is missing, without touching anything.
func (s *Settings) Check() error {
	if !s.Enable {
		return nil
	}
	u, err := url.Parse(s.tokenURL)
	switch {
	case s.tokenURL == "" || s.clientID == "":
		return errors.New("oauth2 needs oauth2.token_url and oauth2.client_id")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("oauth2.token_url: '%s' is no URL with http:// or https://", s.tokenURL)
	case s.method != privateKey && s.clientSecret == "":
		return fmt.Errorf("oauth2.auth_method %s needs oauth2.client_secret", s.method)
	case s.method == privateKey && (s.keyFile == "" || s.certFile == ""):
		return errors.New("oauth2.auth_method private_key_jwt needs oauth2.jwt_key_file and oauth2.jwt_cert_file")
	case s.jwtTTL <= 0:
		return errors.New("oauth2.jwt_ttl_seconds must be more than 0")
	}
	return nil
}

// Source hands out tokens. It is safe for several goroutines.
type Source struct {
	set    Settings
	client *http.Client
	signer *signer

	mu      sync.Mutex
	token   string
	expires time.Time
}

// New makes a source. It connects with the settings of the output's own connections. timeout is what the
// output's requests may take.
func (s *Settings) New(where upstream.Settings, timeout time.Duration, log *slog.Logger) (*Source, error) {
	u, err := url.Parse(s.tokenURL)
	if err != nil {
		return nil, err
	}
	where.Host, where.Unix, where.TLS.On, where.TLS.VHost = u.Hostname(), "", u.Scheme == "https", ""
	where.Port, _ = strconv.Atoi(u.Port())
	if where.Default(80); u.Port() == "" && where.TLS.On {
		where.Port = 443
	}
	if s.connect > 0 {
		where.Net.ConnectTimeout = s.connect
	}
	if s.timeout > 0 {
		timeout = s.timeout
	}
	up, err := where.New(log)
	if err != nil {
		return nil, err
	}
	transport, err := up.Transport(nil)
	if err != nil {
		return nil, err
	}
	src := &Source{set: *s, client: &http.Client{Transport: transport, Timeout: timeout}}
	if s.method == privateKey {
		if src.signer, err = newSigner(s.keyFile, s.certFile); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// Close lets go of connections.
func (s *Source) Close() { s.client.CloseIdleConnections() }

// Token returns a token that is good for a while.
func (s *Source) Token(ctx context.Context) (string, error) {
	s.mu.Lock() // held while asking: the others wait for the same answer
	defer s.mu.Unlock()
	if s.token != "" && time.Now().Before(s.expires) {
		return s.token, nil
	}
	token, lifetime, err := s.ask(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot get an OAuth2 token from %s: %w", s.set.tokenURL, err)
	}
	s.token, s.expires = token, time.Now().Add(lifetime-time.Duration(s.set.skew)*time.Second)
	return token, nil
}

// Forget throws a token away that a server has refused.
func (s *Source) Forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == token {
		s.token = ""
	}
}

func (s *Source) ask(ctx context.Context) (token string, lifetime time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	for key, v := range map[string]string{"scope": s.set.scope, "audience": s.set.audience, "resource": s.set.resource} {
		if v != "" {
			form.Set(key, v)
		}
	}
	switch s.set.method {
	case post:
		form.Set("client_id", s.set.clientID)
		form.Set("client_secret", s.set.clientSecret)
	case privateKey:
		proof, err := s.assertion()
		if err != nil {
			return "", 0, err
		}
		form.Set("client_id", s.set.clientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", proof)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.set.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Fluent-Bit")
	if s.set.userAgent != "" {
		req.Header.Set("User-Agent", s.set.userAgent)
	}
	if s.set.method == basic {
		// As the C agent sends them, and not encoded as RFC 6749 has it: many servers do not decode them.
		req.SetBasicAuth(s.set.clientID, s.set.clientSecret)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", 0, err
	}
	return parseAnswer(resp.StatusCode, body)
}

// defaultLifetime is for servers that do not say how long a token is good.
const defaultLifetime = 300 * time.Second

func parseAnswer(status int, body []byte) (token string, lifetime time.Duration, err error) {
	if status != http.StatusOK {
		return "", 0, fmt.Errorf("it answers %d: %s", status, body[:min(len(body), 500)])
	}
	var a struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", 0, fmt.Errorf("its answer is not JSON as it should be: %w", err)
	}
	if a.Token == "" || a.Type != "" && !strings.EqualFold(a.Type, "bearer") || strings.ContainsAny(a.Token, "\r\n") {
		return "", 0, errors.New("its answer holds no bearer token")
	}
	lifetime = defaultLifetime
	if n, err := a.Expires.Float64(); err == nil && n > 0 && n < 1e9 {
		lifetime = time.Duration(n) * time.Second
	}
	return a.Token, lifetime, nil
}
