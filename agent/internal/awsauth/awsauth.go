// Package awsauth signs HTTP requests for Amazon's services (Signature Version 4), with credentials from
// wherever the environment has them.
package awsauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

// Settings are the options aws_*.
type Settings struct {
	On      bool
	Service string
	Region  string

	stsEndpoint, roleARN, externalID, profile string
}

// Options returns the block. service is the name of the option for the service.
func (s *Settings) Options(service string) []option.Option {
	return []option.Option{
		option.Switch("aws_auth", &s.On).Default("false").Help("Sign requests for AWS (SigV4), with the credentials of the environment, a profile, a container or the machine."),
		option.String(service, &s.Service).Help("For aws_auth: the service's code, such as es."),
		option.String("aws_region", &s.Region).Help("For aws_auth: the region; AWS_REGION unless set."),
		option.String("aws_sts_endpoint", &s.stsEndpoint).Help("For aws_auth: where roles are assumed, instead of the region's endpoint."),
		option.String("aws_role_arn", &s.roleARN).Help("For aws_auth: a role to assume."),
		option.String("aws_external_id", &s.externalID).Help("For aws_auth: the external ID that the role asks for."),
		option.String("aws_profile", &s.profile).Help("For aws_auth: the profile in the shared credentials file; AWS_PROFILE or default unless set."),
	}
}

// Check completes the settings and finds what is missing, without touching anything.
func (s *Settings) Check() error {
	if !s.On {
		return nil
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if s.Region == "" {
			s.Region = os.Getenv(name)
		}
	}
	switch {
	case s.Service == "":
		return errors.New("aws_auth needs the service's code, such as es: set aws_service")
	case s.Region == "":
		return errors.New("aws_auth needs a region: set aws_region")
	}
	if s.stsEndpoint == "" {
		s.stsEndpoint = "https://sts." + s.Region + ".amazonaws.com"
	} else if !strings.Contains(s.stsEndpoint, "://") {
		s.stsEndpoint = "https://" + s.stsEndpoint
	}
	if _, err := url.Parse(s.stsEndpoint); err != nil {
		return fmt.Errorf("aws_sts_endpoint: %w", err)
	}
	return nil
}

// credentials are what a request is signed with.
type credentials struct {
	ID, Secret, Token string
	Expires           time.Time // zero: never
}

// Signer signs requests. It is safe for several goroutines.
type Signer struct {
	set   Settings
	chain chain

	mu   sync.Mutex
	last credentials
}

// New makes a signer. Nothing is asked for before the first request.
func (s *Settings) New() *Signer {
	return &Signer{set: *s, chain: chain{
		profile: s.profile, stsEndpoint: s.stsEndpoint, region: s.Region,
		http: &http.Client{Timeout: 10 * time.Second}, instance: "http://169.254.169.254", container: "http://169.254.170.2",
	}}
}

// early is how long before their end credentials are replaced.
const early = 5 * time.Minute

// Sign adds the headers that prove who sends a request with this body.
func (s *Signer) Sign(ctx context.Context, r *http.Request, body []byte) error {
	c, err := s.credentials(ctx)
	if err != nil {
		return err
	}
	sign(r, body, c, s.set.Region, s.set.Service, time.Now())
	return nil
}

func (s *Signer) credentials(ctx context.Context) (credentials, error) {
	s.mu.Lock() // held while asking: the others wait for the same answer
	defer s.mu.Unlock()
	if s.last.ID != "" && (s.last.Expires.IsZero() || time.Until(s.last.Expires) > early) {
		return s.last, nil
	}
	c, err := s.chain.find(ctx)
	if err == nil && s.set.roleARN != "" {
		c, err = s.chain.assume(ctx, c, s.set.roleARN, s.set.externalID)
	}
	switch {
	case err == nil:
		s.last = c
	case s.last.ID != "" && time.Now().Before(s.last.Expires):
		return s.last, nil // the next request asks again
	}
	return c, err
}

// Forget throws credentials away that a server has refused.
func (s *Signer) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = credentials{}
}
