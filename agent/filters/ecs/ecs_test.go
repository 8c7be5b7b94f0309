package ecs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// container is an ECS agent that knows one task with two containers.
type container struct {
	asked atomic.Int64 // how often for tasks
	down  atomic.Bool
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case c.down.Load():
		http.Error(w, "", http.StatusInternalServerError)
	case r.URL.Path == "/v1/metadata":
		fmt.Fprint(w, `{"Cluster":"north","ContainerInstanceArn":"arn:aws:ecs:r:1:container-instance/north/77aa","Version":"Amazon ECS Agent - v1.30.0"}`)
	case r.URL.Path == "/v1/tasks":
		c.asked.Add(1)
		if id := r.URL.Query().Get("dockerid"); id != "aaaaaaaaaaaa" && id != "bbbbbbbbbbbb" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, `{"Arn":"arn:aws:ecs:r:1:task/north/t-1","Family":"shop","Version":"8","KnownStatus":"RUNNING","Containers":[
			{"DockerId":"aaaaaaaaaaaa00000000","DockerName":"ecs-shop-8-web","Name":"web"},
			{"DockerId":"bbbbbbbbbbbb00000000","DockerName":"ecs-shop-8-db","Name":"db"}]}`)
	default:
		http.NotFound(w, r)
	}
}

func begin(t *testing.T, h http.Handler, conf ...string) (*filter, *bytes.Buffer) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	conf = append(conf, "ecs_meta_host "+at.Hostname(), "ecs_meta_port "+at.Port())
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

func pass(t *testing.T, f *filter, tag string) string {
	t.Helper()
	b := event.New(tag)
	body, _, _ := event.ParseJSON(nil, []byte(`{"a":1}`))
	b.Append(event.Time{Sec: 1}, nil, body)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

func TestTaskAndClusterAreAdded(t *testing.T) {
	c := &container{}
	f, log := begin(t, c, "ecs_tag_prefix ecs.", "add cluster $ClusterName", "add node $ContainerInstanceID of $ContainerInstanceArn", "add agent $ECSAgentVersion",
		"add task $TaskID is $TaskDefinitionFamily:$TaskDefinitionVersion", "add arn $TaskARN", "add c $ECSContainerName", "add d $DockerContainerName", "add id $ContainerID")
	const common = `{"a":1,"cluster":"north","node":"77aa of arn:aws:ecs:r:1:container-instance/north/77aa","agent":"Amazon ECS Agent - v1.30.0",`
	const task = common + `"task":"t-1 is shop:8","arn":"arn:aws:ecs:r:1:task/north/t-1",`
	for range 3 {
		if got, want := pass(t, f, "ecs.aaaaaaaaaaaa-more"), task+`"c":"web","d":"ecs-shop-8-web","id":"aaaaaaaaaaaa00000000"}`; got != want {
			t.Errorf("got  %s\nwant %s\nlog %s", got, want, log)
		}
		if got, want := pass(t, f, "ecs.bbbbbbbbbbbb"), task+`"c":"db","d":"ecs-shop-8-db","id":"bbbbbbbbbbbb00000000"}`; got != want {
			t.Errorf("got  %s\nwant %s\nlog %s", got, want, log)
		}
	}
	if n := c.asked.Load(); n != 1 { // one answer names all containers of the task
		t.Errorf("asked %d times", n)
	}
	// A container that belongs to no task, and a tag that names none.
	for range 4 {
		for _, tag := range []string{"ecs.cccccccccccc", "ecs.short", "other.aaaaaaaaaaaa"} {
			if got, want := pass(t, f, tag), common+`"task":" is :","arn":"","c":"","d":"","id":""}`; got != want {
				t.Errorf("%s: got  %s\nwant %s", tag, got, want)
			}
		}
	}
	if n := c.asked.Load(); n != 3 { // twice more, for agent_endpoint_retries
		t.Errorf("asked %d times", n)
	}
	if n := strings.Count(log.String(), "cannot get the task"); n != 1 {
		t.Errorf("logged %d times: %s", n, log)
	}
}

func TestTheClusterAloneNeedsNoTag(t *testing.T) {
	c := &container{}
	f, _ := begin(t, c, "cluster_metadata_only on", "add cluster $ClusterName")
	if got := pass(t, f, "docker"); got != `{"a":1,"cluster":"north"}` || c.asked.Load() != 0 {
		t.Error(got, c.asked.Load())
	}
}

func TestAnAgentThatComesUpLaterIsFound(t *testing.T) {
	c := &container{}
	c.down.Store(true)
	f, log := begin(t, c, "cluster_metadata_only on", "add cluster $ClusterName")
	if got := pass(t, f, "docker"); got != `{"a":1}` || !strings.Contains(log.String(), "cannot get the cluster") {
		t.Error(got, log)
	}
	c.down.Store(false)
	f.next = time.Now() // as if the pause were over
	if got := pass(t, f, "docker"); got != `{"a":1,"cluster":"north"}` {
		t.Error(got)
	}
}

func TestTasksAreForgottenAfterAWhile(t *testing.T) {
	c := &container{}
	f, _ := begin(t, c, "ecs_meta_cache_ttl 1h", "add c $ECSContainerName")
	pass(t, f, "aaaaaaaaaaaa")
	for _, e := range f.tasks {
		e.until = time.Now().Add(-time.Second)
	}
	if got := pass(t, f, "bbbbbbbbbbbb"); got != `{"a":1,"c":"db"}` || c.asked.Load() != 2 {
		t.Error(got, c.asked.Load())
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		if _, err := filtertest.Build(Plugin, filtertest.Properties(conf...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	f("'cluster' is not KEY TEMPLATE", "add cluster")
	f("test.conf:1:5: add: ", "add cluster $Cluster['")
	f("ecs_meta_port", "ecs_meta_port 70000")
}

func TestItConforms(t *testing.T) {
	s := httptest.NewServer(new(container))
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	filtertest.Conform(t, Plugin, "ecs_meta_host "+at.Hostname(), "ecs_meta_port "+at.Port(), "add cluster $ClusterName", "cluster_metadata_only on")
}

func TestManyStrangeTagsAreNotAllRemembered(t *testing.T) {
	f, _ := begin(t, &container{}, "ecs_tag_prefix ecs.", "add cluster $ClusterName")
	for i := range maxFailed + 10 {
		pass(t, f, fmt.Sprintf("other.%d", i))
	}
	if len(f.failed) > maxFailed {
		t.Errorf("%d tags are remembered", len(f.failed))
	}
}
