package awsauth

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// webIdentity exchanges the token of a Kubernetes service account for credentials.
func (c *chain) webIdentity(ctx context.Context) (credentials, error) {
	file, role := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), os.Getenv("AWS_ROLE_ARN")
	if file == "" || role == "" {
		return credentials{}, errNone
	}
	token, err := os.ReadFile(file)
	if err != nil {
		return credentials{}, err
	}
	return c.sts(ctx, credentials{}, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {role}, "WebIdentityToken": {strings.TrimSpace(string(token))},
		"RoleSessionName": {firstOf(os.Getenv("AWS_ROLE_SESSION_NAME"), session)},
	})
}

const session = "fluent-bit"

// assume exchanges credentials for those of a role.
func (c *chain) assume(ctx context.Context, with credentials, role, externalID string) (credentials, error) {
	form := url.Values{"Action": {"AssumeRole"}, "RoleArn": {role}, "RoleSessionName": {session}}
	if externalID != "" {
		form.Set("ExternalId", externalID)
	}
	return c.sts(ctx, with, form)
}

// sts asks the Security Token Service, in a signed request when there is something to sign with.
func (c *chain) sts(ctx context.Context, with credentials, form url.Values) (got credentials, err error) {
	form.Set("Version", "2011-06-15")
	body := form.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.stsEndpoint, "/")+"/", strings.NewReader(body))
	if err != nil {
		return got, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if with.ID != "" {
		sign(req, []byte(body), with, c.region, "sts", time.Now())
	}
	text, err := c.do(req)
	if err != nil {
		return got, fmt.Errorf("assuming the role %s: %w", form.Get("RoleArn"), err)
	}
	// <AssumeRoleResponse><AssumeRoleResult><Credentials>…
	type keys struct {
		AccessKeyId, SecretAccessKey, SessionToken string
		Expiration                                 time.Time
	}
	var a struct {
		Plain keys `xml:"AssumeRoleResult>Credentials"`
		Web   keys `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal(text, &a); err != nil {
		return got, fmt.Errorf("the answer of %s: %w", c.stsEndpoint, err)
	}
	k := a.Plain
	if k.AccessKeyId == "" {
		k = a.Web
	}
	if k.AccessKeyId == "" {
		return got, errors.New("the answer of " + c.stsEndpoint + " has no keys")
	}
	return credentials{k.AccessKeyId, k.SecretAccessKey, k.SessionToken, k.Expiration}, nil
}
