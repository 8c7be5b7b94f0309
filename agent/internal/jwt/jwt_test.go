package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// issuer signs tokens and publishes its keys.
type issuer struct {
	*httptest.Server
	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	asked int
	down  bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := new(issuer)
	var err error
	if i.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if i.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if i.asked++; i.down {
			w.WriteHeader(500)
			return
		}
		point, _ := i.ec.PublicKey.Bytes()
		fmt.Fprintf(w, `{"keys":[{"kty":"RSA","kid":"r","n":"%s","e":"AQAB"},{"kty":"EC","kid":"e","crv":"P-256","x":"%s","y":"%s"},{"kty":"oct","kid":"o","k":"AA"}]}`,
			b64(i.rsa.N.Bytes()), b64(point[1:33]), b64(point[33:]))
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) token(t *testing.T, alg, kid string, claims map[string]any) string {
	t.Helper()
	c, _ := json.Marshal(claims)
	text := b64(fmt.Appendf(nil, `{"alg":"%s","kid":"%s"}`, alg, kid)) + "." + b64(c)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	if strings.HasPrefix(alg, "ES") {
		r, s, err := ecdsa.Sign(rand.Reader, i.ec, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	} else {
		var err error
		if sig, err = rsa.SignPKCS1v15(nil, i.rsa, crypto.SHA256, sum[:]); err != nil {
			t.Fatal(err)
		}
	}
	return text + "." + b64(sig)
}

func checker(t *testing.T, i *issuer, pairs ...string) *Checker {
	t.Helper()
	var s Settings
	props := []option.Property{
		{Key: "oauth2.validate", Value: option.Value{Text: "on"}}, {Key: "oauth2.issuer", Value: option.Value{Text: "me"}},
		{Key: "oauth2.jwks_url", Value: option.Value{Text: i.URL + "/keys"}},
	}
	for j := 0; j < len(pairs); j += 2 {
		props = append(props, option.Property{Key: pairs[j], Value: option.Value{Text: pairs[j+1]}})
	}
	if err := option.Decode(s.Options(), props, option.Pos{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	c, err := s.New(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.now = func() time.Time { return time.Unix(1000, 0) }
	return c
}

type m = map[string]any

func TestTokensAreCheckedInFull(t *testing.T) {
	i := newIssuer(t)
	check := func(c *Checker, authorization, want string) {
		t.Helper()
		err := c.Check(t.Context(), authorization)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60s: %v, want %s", authorization, err, want)
		}
	}
	plain := checker(t, i)
	good := m{"iss": "me", "exp": 1001}
	check(plain, "Bearer "+i.token(t, "RS256", "r", good), "")
	check(plain, "bearer "+i.token(t, "ES256", "e", good), "")
	check(plain, "", "no bearer token")
	check(plain, "Basic dTpw", "no bearer token")
	check(plain, "Bearer x", "no JWT")
	check(plain, "Bearer a.b.c", "no JWT")
	check(plain, "Bearer "+i.token(t, "RS256", "unknown", good), "does not publish")
	check(plain, "Bearer "+i.token(t, "RS256", "a\\n[error] b", good), `"a\n[error] b"`) // no line of its own in the log
	check(plain, "Bearer "+i.token(t, "ES256", "r", good), "signature is not the issuer's")
	check(plain, "Bearer "+i.token(t, "HS256", "r", good), "signature is not the issuer's")
	check(plain, "Bearer "+i.token(t, "none", "r", good), "signature is not the issuer's")
	forged := strings.Split(i.token(t, "RS256", "r", good), ".")
	forged[1] = b64([]byte(`{"iss":"me","exp":9999}`))
	check(plain, "Bearer "+strings.Join(forged, "."), "signature is not the issuer's")
	check(plain, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 1000}), "has expired")
	check(plain, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me"}), "has expired, or does not say")
	check(plain, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 2000, "nbf": 1500}), "not valid yet")
	check(plain, "Bearer "+i.token(t, "RS256", "r", m{"iss": "you", "exp": 1001}), `issued by "you"`)
	strict := checker(t, i, "oauth2.allowed_audience", "logs", "oauth2.allowed_clients", "a", "oauth2.allowed_clients", "b")
	check(strict, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 1001, "aud": "logs", "azp": "a", "client_id": "x"}), "")
	check(strict, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 1001, "aud": []string{"x", "logs"}, "client_id": "b"}), "")
	check(strict, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 1001, "aud": "x", "azp": "a"}), "for somebody else")
	check(strict, "Bearer "+i.token(t, "RS256", "r", m{"iss": "me", "exp": 1001, "aud": "logs", "azp": "c"}), `the client "c" is not among`)
}

func TestKeysAreKeptForAWhile(t *testing.T) {
	i := newIssuer(t)
	c := checker(t, i, "oauth2.jwks_refresh_interval", "60")
	now := time.Unix(1000, 0)
	c.now = func() time.Time { return now }
	use := func(asked int) {
		t.Helper()
		if err := c.Check(t.Context(), "Bearer "+i.token(t, "ES256", "e", m{"iss": "me", "exp": 9999})); err != nil || i.asked != asked {
			t.Errorf("asked %d times, %v, want %d", i.asked, err, asked)
		}
	}
	use(1)
	use(1)
	_ = c.Check(t.Context(), "Bearer "+i.token(t, "ES256", "made up", m{}))
	use(1)
	now = now.Add(time.Minute)
	use(2)
	i.down = true
	now = now.Add(time.Minute)
	use(3) // the earlier keys go on
	use(3)
	now = now.Add(10 * time.Second)
	use(4)
	fresh := checker(t, i)
	if err := fresh.Check(t.Context(), "Bearer "+i.token(t, "ES256", "e", m{"iss": "me", "exp": 9999})); err == nil || !strings.Contains(err.Error(), "keys cannot be had") {
		t.Error(err)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("Bearer a.b.c", []byte(`{"keys":[{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, authorization string, keys []byte) {
		_, _ = parseKeys(keys)
		c := &Checker{set: Settings{issuer: "me", refresh: 300}, now: time.Now, keys: map[string]crypto.PublicKey{}, asked: time.Now()}
		if err := c.Check(t.Context(), authorization); err == nil {
			t.Error("let in without a key")
		}
	})
}
