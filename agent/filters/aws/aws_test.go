package aws

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// instance is a metadata service.
type instance struct {
	answers map[string]string // by path, without a slash at its end
	tokens  bool              // it insists on them
	token   atomic.Int64      // the number in the token that is good
	down    atomic.Bool
}

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if i.down.Load() {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" && r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "" {
		fmt.Fprintf(w, "token-%d", i.token.Load())
		return
	}
	if i.tokens && r.Header.Get("X-Aws-Ec2-Metadata-Token") != fmt.Sprintf("token-%d", i.token.Load()) {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	answer, ok := i.answers[strings.TrimSuffix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	fmt.Fprint(w, answer)
}

func ec2() *instance {
	const meta = "/latest/meta-data/"
	return &instance{tokens: true, answers: map[string]string{
		meta + "placement/availability-zone": "eu-north-1b",
		meta + "instance-id":                 "i-0aa11",
		meta + "instance-type":               "t4g.small",
		meta + "local-ipv4":                  "192.0.2.10",
		meta + "mac":                         "0e:49:61:0f:c3:11",
		meta + "network/interfaces/macs/0e:49:61:0f:c3:11/vpc-id": "vpc-7",
		meta + "ami-id":                              "ami-5",
		meta + "hostname":                            "ip-192-0-2-10.ec2.internal",
		meta + "tags/instance":                       "Name\nteam",
		meta + "tags/instance/Name":                  "shop",
		meta + "tags/instance/team":                  "blue",
		"/latest/dynamic/instance-identity/document": `{"accountId":"012345678901","region":"eu-north-1"}`,
	}}
}

func serve(t *testing.T, h http.Handler) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
}

func build(t *testing.T, conf ...string) (*filter, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	p, err := filtertest.Build(filtertest.With(Plugin, func(e *plugin.Env) {
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
	}), filtertest.Properties(conf...))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(plugin.Starter).Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return p.(*filter), &log
}

func pass(t *testing.T, f *filter, line string) string {
	t.Helper()
	b := filtertest.Batch(t, line)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

func TestMetadataAreAddedInTheirOrder(t *testing.T) {
	serve(t, ec2())
	f := func(want string, conf ...string) {
		t.Helper()
		aws, log := build(t, conf...)
		if got := pass(t, aws, `{"a":1,"az":"old"}`); got != want {
			t.Errorf("%v:\ngot  %s\nwant %s\nlog %s", conf, got, want, log)
		}
	}
	f(`{"a":1,"az":"eu-north-1b","ec2_instance_id":"i-0aa11"}`)
	f(`{"a":1,"az":"eu-north-1b","ec2_instance_id":"i-0aa11","ec2_instance_type":"t4g.small","private_ip":"192.0.2.10","vpc_id":"vpc-7","ami_id":"ami-5","account_id":"012345678901","hostname":"ip-192-0-2-10.ec2.internal","Name":"shop","team":"blue","aws_entity_ec2_instance_id":"i-0aa11","aws_entity_account_id":"012345678901"}`,
		"ec2_instance_type on", "private_ip on", "vpc_id on", "ami_id on", "account_id on", "hostname on", "tags_enabled on", "enable_entity on")
	f(`{"a":1,"az":"old","team":"blue"}`, "az off", "ec2_instance_id off", "tags_enabled on", "tags_include team,other")
	f(`{"a":1,"az":"old","Name":"shop"}`, "az off", "ec2_instance_id off", "tags_enabled on", "tags_exclude team,other")
	f(`{"a":1,"az":"old"}`, "az off", "ec2_instance_id off")
}

func TestVersion1NeedsNoToken(t *testing.T) {
	i := ec2()
	i.tokens = false
	serve(t, i)
	f, _ := build(t, "imds_version v1")
	if got := pass(t, f, `{}`); got != `{"az":"eu-north-1b","ec2_instance_id":"i-0aa11"}` {
		t.Error(got)
	}
}

func TestWhatIsMissingIsLoggedAndLeftOut(t *testing.T) {
	i := ec2()
	delete(i.answers, "/latest/meta-data/placement/availability-zone")
	delete(i.answers, "/latest/meta-data/tags/instance")
	serve(t, i)
	f, log := build(t, "tags_enabled on")
	if got := pass(t, f, `{}`); got != `{"ec2_instance_id":"i-0aa11"}` {
		t.Error(got)
	}
	for _, want := range []string{"cannot get the az from the instance's metadata service: it answers 404", "the instance has no tags"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, log)
		}
	}
}

func TestWhatFailedIsTriedAgain(t *testing.T) {
	i := ec2()
	i.down.Store(true)
	serve(t, i)
	f, _ := build(t, "retry_interval_s 0")
	if got := pass(t, f, `{}`); got != `{}` {
		t.Error(got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Background(ctx) }()
	i.down.Store(false)
	for deadline := time.Now().Add(60 * time.Second); ; {
		if got := pass(t, f, `{}`); got == `{"az":"eu-north-1b","ec2_instance_id":"i-0aa11"}` {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestATokenThatRanOutIsRenewed(t *testing.T) {
	i := ec2()
	serve(t, i)
	f, _ := build(t)
	i.token.Add(1)
	if az, err := f.service.get(context.Background(), "/latest/meta-data/placement/availability-zone/"); err != nil || az != "eu-north-1b" {
		t.Error(az, err)
	}
}

func TestAHangingServiceDoesNotStopTheStart(t *testing.T) {
	hung := make(chan struct{})
	serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(hung) })
	f, log := build(t, "hostname on", "vpc_id on", "ami_id on", "account_id on", "private_ip on")
	if got := pass(t, f, `{}`); got != `{}` || !strings.Contains(log.String(), "Records go on without") {
		t.Error(got, log)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, filtertest.Properties(conf...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	f("is none of 'v1', 'v2'", "imds_version v3")
	f("is not between 0 and", "retry_interval_s 10000000000")
	f("exclude each other", "tags_enabled on", "tags_include a", "tags_exclude b")
}

func TestRecordsCostNoAllocation(t *testing.T) {
	serve(t, ec2())
	spec := Plugin
	spec.Config = func() plugin.Config[plugin.Filter] { return started{new(config)} }
	if n := filtertest.Allocs(t, spec, nil, `{"a":1,"b":"text"}`); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
}

// started starts what it builds.
type started struct{ *config }

func (s started) New(env plugin.Env) (plugin.Filter, error) {
	f, err := s.config.New(env)
	if err == nil {
		err = f.(plugin.Starter).Start(context.Background())
	}
	return f, err
}

func TestItConforms(t *testing.T) {
	serve(t, ec2())
	filtertest.Conform(t, Plugin, "hostname on")
}
