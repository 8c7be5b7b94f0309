package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// service is the instance's metadata service (IMDS), version 1 or 2.
type service struct {
	base   string
	token  string
	tokens bool // version 2
	client http.Client
}

const (
	perRequest = time.Second // the service is on the machine itself
	maxAnswer  = 1 << 20
)

func newService(base string, tokens bool) *service {
	return &service{base: base, tokens: tokens, client: http.Client{
		Timeout:   perRequest,
		Transport: &http.Transport{DisableKeepAlives: true}, // no proxy either: the address is local to the link
	}}
}

// statusError is an answer that is none.
type statusError int

func (e statusError) Error() string {
	if e == http.StatusUnauthorized {
		return "it refuses the token; in a container the instance's hop limit for metadata must be at least 2"
	}
	return fmt.Sprintf("it answers %d %s", int(e), http.StatusText(int(e)))
}

func isMissing(err error) bool {
	var status statusError
	return errors.As(err, &status) && status == http.StatusNotFound
}

// get returns what stands under a path. A token that has run out is renewed.
func (s *service) get(ctx context.Context, path string) (string, error) {
	fresh := s.tokens && s.token == ""
	if fresh {
		if err := s.renew(ctx); err != nil {
			return "", err
		}
	}
	text, err := s.do(ctx, http.MethodGet, path, "X-Aws-Ec2-Metadata-Token", s.token)
	if s.tokens && !fresh && errors.Is(err, statusError(http.StatusUnauthorized)) {
		if err := s.renew(ctx); err != nil {
			return "", err
		}
		text, err = s.do(ctx, http.MethodGet, path, "X-Aws-Ec2-Metadata-Token", s.token)
	}
	return text, err
}

func (s *service) renew(ctx context.Context) (err error) {
	s.token, err = s.do(ctx, http.MethodPut, "/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
	if err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	return nil
}

func (s *service) do(ctx context.Context, method, path, header, value string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, nil)
	if err != nil {
		return "", err
	}
	if value != "" {
		req.Header.Set(header, value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", statusError(resp.StatusCode)
	}
	return string(body), nil
}

// vpc returns the ID of the VPC of the first network interface.
func (s *service) vpc(ctx context.Context) (string, error) {
	mac, err := s.get(ctx, "/latest/meta-data/mac/")
	if err != nil {
		return "", err
	}
	return s.get(ctx, "/latest/meta-data/network/interfaces/macs/"+strings.TrimSuffix(mac, "/")+"/vpc-id/")
}

// account returns the ID of the account that the instance belongs to.
func (s *service) account(ctx context.Context) (string, error) {
	text, err := s.get(ctx, "/latest/dynamic/instance-identity/document/")
	if err != nil {
		return "", err
	}
	var doc struct {
		AccountID string `json:"accountId"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.AccountID == "" {
		return "", errors.New("the instance's identity document has no accountId")
	}
	return doc.AccountID, nil
}
