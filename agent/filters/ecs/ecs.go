// Package ecs is the filter ecs: it adds what the agent of Amazon ECS knows about the cluster, and about the task
// and the container whose ID the tag holds.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/enrich"
	"github.com/fluent/fluent-bit-go/agent/internal/words"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter ecs.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "ecs",
	Summary: "Add metadata of the Amazon ECS cluster, task and container",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	add         []addition
	prefix      string
	clusterOnly bool
	ttl         time.Duration
	host        string
	port        int
	retries     int
}

// addition is one key to add and what to make its value of.
type addition struct {
	key      string
	template *accessor.Accessor
}

func (c *config) Options() []option.Option {
	add := option.Ordered("string", c.addKey, "add")[0]
	return []option.Option{
		add.Help("KEY TEMPLATE: add KEY with what TEMPLATE makes of the metadata: $ClusterName, $ContainerInstanceArn, $ContainerInstanceID, $ECSAgentVersion, and for containers of a task $TaskARN, $TaskID, $TaskDefinitionFamily, $TaskDefinitionVersion, $ContainerID, $DockerContainerName, $ECSContainerName."),
		option.String("ecs_tag_prefix", &c.prefix).Default("").Help("What stands in the tag before the container's short ID of 12 characters."),
		option.Switch("cluster_metadata_only", &c.clusterOnly).Default("false").Help("Look at the cluster alone, for records that belong to no task."),
		option.Var("ecs_meta_cache_ttl", "time", &c.ttl, option.AtLeast(option.ParseDuration, 0)).Default("3600").Help("How long a task's metadata are remembered."),
		option.String("ecs_meta_host", &c.host).Default("127.0.0.1").Help("The host where the ECS agent listens."),
		option.Port("ecs_meta_port", &c.port).Default("51678").Help("The port where it listens."),
		option.Var("agent_endpoint_retries", "integer", &c.retries, option.AtLeast(option.ParseInt, 0)).Default("2").
			Help("How often the task of a tag is asked for before its records get the cluster's metadata alone."),
	}
}

func (c *config) addKey(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY TEMPLATE, not a list or a map")
	}
	key, template := words.Pair(v.Text)
	if template == "" {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("add: '%s' is not KEY TEMPLATE", v.Text), Cure: "write for instance: add cluster $ClusterName"}
	}
	t, err := accessor.Compile(template)
	if err != nil {
		return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("add: %v", err)}
	}
	c.add = append(c.add, addition{key, t})
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	base := "http://" + net.JoinHostPort(c.host, strconv.Itoa(c.port))
	f := &filter{config: *c, log: env.Log, agent: newAgent(base), tasks: map[string]*entry{}, failed: map[string]*entry{}}
	unanswered := env.Metrics.Counter("request_errors_total", "Questions that the ECS agent did not answer")
	f.trouble.Counter, f.noTask.Counter = unanswered, unanswered
	if len(c.add) == 0 {
		env.Log.Warn("nothing is added; name what with add, for instance: add cluster $ClusterName")
	}
	return f, nil
}

type filter struct {
	config
	log     *slog.Logger
	agent   *agent
	info    map[string]string // the cluster's metadata; nil as long as they are not known
	cluster []event.Field     // what they make of the additions
	next    time.Time         // when the agent is asked again after it did not answer
	tasks   map[string]*entry // by the container's short ID
	failed  map[string]*entry // by tag
	trouble burst.Log
	noTask  burst.Log
	fields  []event.Field
}

// entry is what is remembered for a while.
type entry struct {
	fields []event.Field
	tries  int
	until  time.Time
}

// maxFailed bounds the tags that are remembered because they have no task.
const maxFailed = 10_000

// pause is how long the agent is left alone after it did not answer, so that it holds up little.
const pause = 5 * time.Second

// Start asks for the cluster. An agent that does not answer yet does not keep this one from starting.
func (f *filter) Start(ctx context.Context) error {
	f.askCluster(ctx, time.Now())
	return nil
}

func (f *filter) askCluster(ctx context.Context, now time.Time) {
	if now.Before(f.next) {
		return
	}
	info, err := f.agent.cluster(ctx)
	if err != nil {
		f.next = time.Now().Add(pause)
		f.trouble.Error(f.log, fmt.Sprintf("cannot get the cluster from the ECS agent, records go on without: %v", err))
		return
	}
	f.info, f.cluster = info, f.render(info)
}

// render makes the fields to add of metadata. What is not known is an empty text.
func (f *filter) render(info map[string]string) []event.Field {
	body := event.AppendMap(nil, len(info))
	for k, v := range info {
		body = event.AppendStr(event.AppendStr(body, k), v)
	}
	fields := make([]event.Field, 0, len(f.add))
	for _, a := range f.add {
		text, _ := a.template.AppendText(nil, accessor.Source{Body: body})
		fields = append(fields, enrich.Field(a.key, string(text)))
	}
	return fields
}

// Filter adds the metadata that belong to the tag.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	now := time.Now()
	if f.info == nil {
		f.askCluster(ctx, now)
		if f.info == nil {
			return nil
		}
	}
	add := f.cluster
	if !f.clusterOnly {
		add = f.task(ctx, b.Tag, now)
	}
	if len(add) == 0 {
		return nil
	}
	for e := range b.Edit() {
		f.fields = enrich.Append(f.fields[:0], e.Body(), add)
		e.SetFields(f.fields)
	}
	return nil
}

// task returns what to add for the container that the tag names, or the cluster's part when it is not known.
func (f *filter) task(ctx context.Context, tag string, now time.Time) []event.Field {
	f.expire(now)
	bad := f.failed[tag]
	if bad != nil && bad.tries >= f.retries {
		return f.cluster
	}
	id, ok := strings.CutPrefix(tag, f.prefix)
	if !ok || len(id) < 12 {
		f.fail(tag, now, fmt.Errorf("the tag is not '%s' followed by a container's ID of 12 characters; set ecs_tag_prefix, or cluster_metadata_only", f.prefix))
		return f.cluster
	}
	id = id[:12]
	if known := f.tasks[id]; known != nil {
		known.until = now.Add(f.ttl)
		return known.fields
	}
	if now.Before(f.next) {
		return f.cluster
	}
	containers, err := f.agent.task(ctx, id)
	if unreachable := (*url.Error)(nil); errors.As(err, &unreachable) {
		f.next = time.Now().Add(pause)
	}
	if err == nil && containers[id] == nil {
		err = fmt.Errorf("its answer does not name the container %s", id)
	}
	if err != nil {
		f.fail(tag, now, err)
		return f.cluster
	}
	for short, info := range containers {
		for k, v := range f.info {
			info[k] = v
		}
		f.tasks[short] = &entry{fields: f.render(info), until: now.Add(f.ttl)}
	}
	return f.tasks[id].fields
}

func (f *filter) fail(tag string, now time.Time, err error) {
	bad := f.failed[tag]
	if bad == nil {
		if len(f.failed) >= maxFailed {
			clear(f.failed)
		}
		bad = &entry{}
		f.failed[tag] = bad
	}
	bad.tries++
	bad.until = now.Add(max(f.ttl, time.Minute))
	f.noTask.Error(f.log, fmt.Sprintf("cannot get the task of tag '%s' from the ECS agent, its records get the cluster's metadata alone: %v (try %d of %d)", tag, err, bad.tries, f.retries))
}

// expire forgets what was not needed for long.
func (f *filter) expire(now time.Time) {
	for _, known := range []map[string]*entry{f.tasks, f.failed} {
		for k, e := range known {
			if now.After(e.until) {
				delete(known, k)
			}
		}
	}
}
