package awsauth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// chain looks for credentials in the order in which Fluent Bit does.
type chain struct {
	profile             string
	stsEndpoint, region string
	http                *http.Client
	instance, container string // where the machine and ECS answer
}

// errNone is what a place says where there are no credentials at all: the next one is asked.
var errNone = errors.New("none")

func (c *chain) find(ctx context.Context) (credentials, error) {
	var asked []string
	for _, place := range []struct {
		name string
		look func(context.Context) (credentials, error)
	}{
		{"environment", c.environment}, {"shared credentials file", c.file}, {"web identity", c.webIdentity},
		{"container", c.fromContainer}, {"instance metadata", c.fromInstance},
	} {
		got, err := place.look(ctx)
		switch {
		case err == nil:
			return got, nil
		case errors.Is(err, errNone):
			asked = append(asked, place.name)
		case place.name == "instance metadata": // the last: most machines are none of Amazon's
			asked = append(asked, fmt.Sprintf("%s (%v)", place.name, err))
		default:
			return got, fmt.Errorf("AWS credentials from %s: %w", place.name, err)
		}
	}
	return credentials{}, fmt.Errorf("there are no AWS credentials; looked at: %s", strings.Join(asked, ", "))
}

func (c *chain) environment(context.Context) (credentials, error) {
	got := credentials{ID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"), Token: os.Getenv("AWS_SESSION_TOKEN")}
	if got.ID == "" || got.Secret == "" {
		return got, errNone
	}
	return got, nil
}

// file reads a profile from the shared files: its keys, or the command that prints them.
func (c *chain) file(ctx context.Context) (credentials, error) {
	name := firstOf(c.profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
	home, _ := os.UserHomeDir()
	keys := firstOf(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials"))
	conf := firstOf(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config"))
	section := name
	if name != "default" {
		section = "profile " + name
	}
	for _, p := range []map[string]string{readSection(keys, name), readSection(conf, section)} {
		if p["aws_access_key_id"] != "" && p["aws_secret_access_key"] != "" {
			return credentials{ID: p["aws_access_key_id"], Secret: p["aws_secret_access_key"], Token: p["aws_session_token"]}, nil
		}
		if p["credential_process"] != "" {
			return process(ctx, p["credential_process"])
		}
	}
	if c.profile != "" {
		return credentials{}, fmt.Errorf("there is no profile '%s' with keys in %s or %s", c.profile, keys, conf)
	}
	return credentials{}, errNone
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// readSection reads one section of an INI file; nil when there is no such file or section.
func readSection(path, name string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var found map[string]string
	in := false
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if strings.HasPrefix(line, "[") {
			if in = strings.TrimSpace(strings.Trim(line, "[]")) == name; in && found == nil {
				found = map[string]string{}
			}
			continue
		}
		if key, val, ok := strings.Cut(line, "="); ok && in {
			found[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(val)
		}
	}
	return found
}

// answer is how a process, a container and a machine tell credentials.
type answer struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Token           string
	Expiration      time.Time
}

func parse(text []byte) (credentials, error) {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return credentials{}, err
	}
	if a.AccessKeyID == "" || a.SecretAccessKey == "" {
		return credentials{}, errors.New("the answer has no keys")
	}
	return credentials{a.AccessKeyID, a.SecretAccessKey, firstOf(a.Token, a.SessionToken), a.Expiration}, nil
}

func process(ctx context.Context, command string) (credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", command).Output()
	if err != nil {
		return credentials{}, fmt.Errorf("credential_process: %w", err)
	}
	return parse(out)
}

func (c *chain) fromContainer(ctx context.Context) (credentials, error) {
	where := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if path := os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); path != "" {
		where = c.container + path
	}
	if where == "" {
		return credentials{}, errNone
	}
	token := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return credentials{}, err
		}
		token = strings.TrimSpace(string(text))
	}
	header := http.Header{}
	if token != "" {
		header.Set("Authorization", token)
	}
	text, err := c.get(ctx, http.MethodGet, where, header)
	if err != nil {
		return credentials{}, err
	}
	return parse(text)
}

// fromInstance asks the machine's metadata service (IMDSv2).
func (c *chain) fromInstance(ctx context.Context) (credentials, error) {
	if strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		return credentials{}, errNone
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	token, err := c.get(ctx, http.MethodPut, c.instance+"/latest/api/token", http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"300"}})
	if err != nil {
		return credentials{}, err
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	const path = "/latest/meta-data/iam/security-credentials/"
	role, err := c.get(ctx, http.MethodGet, c.instance+path, header)
	if err != nil {
		return credentials{}, err
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(role)), "\n")
	text, err := c.get(ctx, http.MethodGet, c.instance+path+url.PathEscape(name), header)
	if err != nil {
		return credentials{}, err
	}
	return parse(text)
}

func (c *chain) get(ctx context.Context, method, where string, header http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	return c.do(req)
}

func (c *chain) do(req *http.Request) ([]byte, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %.300s", req.URL.Host, resp.Status, text)
	}
	return text, err
}
