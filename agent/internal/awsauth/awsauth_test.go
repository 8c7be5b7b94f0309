package awsauth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The first cases are Amazon's own, from the test suite for Signature Version 4.
func TestRequestsAreSignedAsAmazonSays(t *testing.T) {
	check := func(method, uri, body string, header http.Header, want string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://example.amazonaws.com"+uri, strings.NewReader(body))
		for k, v := range header {
			r.Header[k] = v
		}
		c := credentials{ID: "AKIDEXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
		sign(r, []byte(body), c, "us-east-1", "service", time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
		got := r.Header.Get("Authorization")
		if _, sig, _ := strings.Cut(got, "Signature="); sig != want {
			t.Errorf("%s %s: %s", method, uri, got)
		}
	}
	check("GET", "/", "", nil, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
	check("POST", "/", "", nil, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")
	check("GET", "/?Param2=value2&Param1=value1", "", nil, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")
	check("POST", "/", "Param1=value1", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")
}

func TestPathsAreEncodedOnceMore(t *testing.T) {
	r := httptest.NewRequest("GET", "http://h/a%20b/c*d?x=1%2B2&empty", nil)
	if got := canonicalPath(r, "es") + "?" + canonicalQuery(r); got != "/a%2520b/c%2Ad?empty=&x=1%2B2" {
		t.Error(got)
	}
}

// clear hides the credentials of whoever runs the test.
func clear(t *testing.T) string {
	dir := t.TempDir()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", dir)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return dir
}

func signer(t *testing.T, s Settings) *Signer {
	t.Helper()
	s.On, s.Service, s.Region = true, "es", "eu-west-1"
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s.New()
}

func want(t *testing.T, s *Signer, key string) {
	t.Helper()
	c, err := s.credentials(t.Context())
	if got := c.ID + " " + c.Secret + " " + c.Token; err != nil || got != key {
		t.Errorf("got %q, %v, want %q", got, err, key)
	}
}

func TestCredentialsAreFoundWhereTheyAre(t *testing.T) {
	dir := clear(t)
	if _, err := signer(t, Settings{}).credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "looked at: environment, shared credentials file, web identity, container, instance metadata") {
		t.Error(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(".aws/credentials", "# keys\n[default]\naws_access_key_id = D\naws_secret_access_key=DS\n[other]\naws_access_key_id=O\naws_secret_access_key=OS\naws_session_token=OT\n")
	write(".aws/config", "[profile run]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"P\",\"SecretAccessKey\":\"PS\",\"SessionToken\":\"PT\"}'\n")
	want(t, signer(t, Settings{}), "D DS ")
	want(t, signer(t, Settings{profile: "other"}), "O OS OT")
	want(t, signer(t, Settings{profile: "run"}), "P PS PT")
	if _, err := signer(t, Settings{profile: "missing"}).credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no profile 'missing'") {
		t.Error(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "E")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "ES")
	want(t, signer(t, Settings{}), "E ES ")
}

// amazon plays the services that hand credentials out.
func amazon(t *testing.T) *httptest.Server {
	t.Helper()
	n := 0
	reply := func(w http.ResponseWriter, key string) {
		n++
		fmt.Fprintf(w, `{"AccessKeyId":"%s%d","SecretAccessKey":"S","Token":"T","Expiration":"%s"}`, key, n, time.Now().Add(6*time.Minute).UTC().Format(time.RFC3339))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /container", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "let me" {
			w.WriteHeader(403)
			return
		}
		reply(w, "C")
	})
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "imds") })
	mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/{role}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds" && r.PathValue("role") == "worker" {
			reply(w, "I")
		}
	})
	mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "worker\n") })
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		action, signed := r.FormValue("Action"), strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/sts/aws4_request")
		if action == "AssumeRole" && (!signed || r.FormValue("ExternalId") != "x1") || action == "AssumeRoleWithWebIdentity" && r.FormValue("WebIdentityToken") != "jwt" {
			w.WriteHeader(403)
			return
		}
		fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>%[2]s</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>%[3]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
			action, r.FormValue("RoleArn"), time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestCredentialsAreAskedForWhereTheyAreHandedOut(t *testing.T) {
	dir := clear(t)
	a := amazon(t)
	start := func(s Settings) *Signer {
		s.stsEndpoint = a.URL
		x := signer(t, s)
		x.chain.instance, x.chain.container = a.URL, a.URL
		return x
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	s := start(Settings{})
	want(t, s, "I1 S T")
	want(t, s, "I1 S T") // kept
	s.last.Expires = time.Now().Add(time.Minute)
	want(t, s, "I2 S T") // replaced before the end
	a.Config.Handler = http.NotFoundHandler()
	s.last.Expires = time.Now().Add(time.Minute)
	want(t, s, "I2 S T") // still good, and better than none
	a = amazon(t)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me")
	want(t, start(Settings{}), "C1 S T")
	want(t, start(Settings{roleARN: "arn:role", externalID: "x1"}), "arn:role S T")
	if _, err := start(Settings{roleARN: "arn:role"}).credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "assuming the role arn:role") {
		t.Error(err)
	}
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("jwt\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:web")
	want(t, start(Settings{}), "arn:web S T")
}

func TestSettingsAreChecked(t *testing.T) {
	clear(t)
	f := func(s Settings, want string) {
		t.Helper()
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
	f(Settings{On: true, Region: "x"}, "set aws_service")
	f(Settings{On: true, Service: "es"}, "set aws_region")
	t.Setenv("AWS_REGION", "eu-west-1")
	s := Settings{On: true, Service: "es"}
	if err := s.Check(); err != nil || s.stsEndpoint != "https://sts.eu-west-1.amazonaws.com" {
		t.Error(s.stsEndpoint, err)
	}
}

func TestAStopEndsTheSearch(t *testing.T) {
	clear(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signer(t, Settings{}).credentials(ctx); err == nil {
		t.Error("found some")
	}
}
