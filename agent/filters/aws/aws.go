// Package aws is the filter aws: it adds what the EC2 instance that the agent runs on knows about itself.
package aws

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/enrich"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter aws.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "aws",
	Summary: "Add metadata of the EC2 instance",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	version string
	on      map[string]*bool // by key of the record
	tags    bool
	include string
	exclude string
	retry   int
	entity  bool
}

func (c *config) Options() []option.Option {
	c.on = map[string]*bool{}
	key := func(name, fallback, what string) option.Option {
		c.on[name] = new(bool)
		return option.Switch(name, c.on[name]).Default(fallback).Help("Add " + what + " as " + name + ".")
	}
	return []option.Option{
		option.Enum("imds_version", &c.version, "v1", "v2").Default("v2").Help("The version of the instance's metadata service; v2 asks for a token first."),
		key("az", "true", "the availability zone"),
		key("ec2_instance_id", "true", "the instance's ID"),
		key("ec2_instance_type", "false", "the instance's type"),
		key("private_ip", "false", "the private IP address"),
		key("vpc_id", "false", "the ID of the VPC"),
		key("ami_id", "false", "the ID of the image"),
		key("account_id", "false", "the account's ID"),
		key("hostname", "false", "the host's name"),
		option.Switch("tags_enabled", &c.tags).Default("false").Help("Add the instance's tags, each under its name. The instance must allow tags in metadata."),
		option.String("tags_include", &c.include).Default("").Help("Add only these tags, separated by commas."),
		option.String("tags_exclude", &c.exclude).Default("").Help("Add all tags but these, separated by commas."),
		option.Var("retry_interval_s", "integer", &c.retry, option.Between(option.ParseInt, 0, 1<<31)).Default("300").
			Help("Seconds until what could not be fetched is tried again."),
		option.Switch("enable_entity", &c.entity).Default("false").
			Help("Add instance and account also as aws_entity_ec2_instance_id and aws_entity_account_id, from which CloudWatch makes an entity."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	if c.include != "" && c.exclude != "" {
		return nil, fmt.Errorf("tags_include and tags_exclude exclude each other; keep one")
	}
	base := os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT") // as for Amazon's own programs
	if base == "" {
		base = "http://169.254.169.254"
	}
	f := &filter{config: *c, log: env.Log, missed: env.Metrics.Counter("request_errors_total", "Questions that the instance's metadata service did not answer"), service: newService(strings.TrimSuffix(base, "/"), c.version == "v2")}
	f.plan()
	return f, nil
}

type filter struct {
	config
	log     *slog.Logger
	missed  *metric.Counter
	service *service
	facts   []fact
	known   atomic.Pointer[[]event.Field]
	fields  []event.Field
}

// fact is something to fetch; it makes one field or many.
type fact struct {
	name  string
	fetch func(context.Context) ([]event.Field, error)
	got   []event.Field
	done  bool
}

// plan lists what is to be fetched, in the order in which it stands in the record.
func (f *filter) plan() {
	add := func(on bool, name string, keys []string, get func(context.Context) (string, error)) {
		if !on {
			return
		}
		f.facts = append(f.facts, fact{name: name, fetch: func(ctx context.Context) (fields []event.Field, err error) {
			value, err := get(ctx)
			for _, k := range keys {
				fields = append(fields, enrich.Field(k, value))
			}
			return fields, err
		}})
	}
	from := func(path string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return f.service.get(ctx, path) }
	}
	one := func(key, path string) { add(*f.on[key], key, []string{key}, from(path)) }
	one("az", "/latest/meta-data/placement/availability-zone/")
	one("ec2_instance_id", "/latest/meta-data/instance-id/")
	one("ec2_instance_type", "/latest/meta-data/instance-type/")
	one("private_ip", "/latest/meta-data/local-ipv4/")
	add(*f.on["vpc_id"], "vpc_id", []string{"vpc_id"}, f.service.vpc)
	one("ami_id", "/latest/meta-data/ami-id/")
	add(*f.on["account_id"], "account_id", []string{"account_id"}, f.service.account)
	one("hostname", "/latest/meta-data/hostname/")
	if f.tags {
		f.facts = append(f.facts, fact{name: "tags", fetch: f.fetchTags})
	}
	add(f.entity, "entity's instance", []string{"aws_entity_ec2_instance_id"}, from("/latest/meta-data/instance-id/"))
	add(f.entity, "entity's account", []string{"aws_entity_account_id"}, f.service.account)
}

// fetchTags fetches the instance's tags that are wanted.
func (f *filter) fetchTags(ctx context.Context) (fields []event.Field, err error) {
	const path = "/latest/meta-data/tags/instance"
	list, err := f.service.get(ctx, path)
	if isMissing(err) {
		f.log.Warn("the instance has no tags, or does not show them in its metadata; see its option InstanceMetadataTags")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(list, "\n") {
		if name == "" || !f.wants(name) {
			continue
		}
		value, err := f.service.get(ctx, path+"/"+name)
		if err != nil {
			return nil, err
		}
		fields = append(fields, enrich.Field(name, value))
	}
	return fields, nil
}

func (f *filter) wants(tag string) bool {
	switch {
	case f.include != "":
		return among(tag, f.include)
	case f.exclude != "":
		return !among(tag, f.exclude)
	}
	return true
}

func among(tag, list string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == tag {
			return true
		}
	}
	return false
}

// startWait is how long the start waits for the metadata, so that the first records have them too.
const startWait = 3 * time.Second

// Start fetches what there is to fetch. A service that does not answer does not keep the agent from starting.
func (f *filter) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := f.fetch(ctx); err != nil {
		f.log.Warn(fmt.Sprintf("%v. Records go on without; it is tried again every %d seconds", err, f.retry))
	}
	return nil
}

// Background tries again what could not be fetched.
func (f *filter) Background(ctx context.Context) error {
	for {
		done := true
		for i := range f.facts {
			done = done && f.facts[i].done
		}
		if done {
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(time.Duration(f.retry)*time.Second, 100*time.Millisecond)):
		}
		if err := f.fetch(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn(fmt.Sprintf("%v. Records go on without; it is tried again every %d seconds", err, f.retry))
		}
	}
}

// fetch fetches all that is not there yet. It returns the first fault.
func (f *filter) fetch(ctx context.Context) (first error) {
	known := []event.Field{}
	for i := range f.facts {
		fact := &f.facts[i]
		if !fact.done {
			fields, err := fact.fetch(ctx)
			fact.got, fact.done = fields, err == nil
			if err != nil {
				f.missed.Inc()
				first = cmp.Or(first, fmt.Errorf("cannot get the %s from the instance's metadata service: %w", fact.name, err))
				continue
			}
		}
		known = append(known, fact.got...)
	}
	f.known.Store(&known)
	return first
}

// Filter adds what is known.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	known := f.known.Load()
	if known == nil || len(*known) == 0 {
		return nil
	}
	for e := range b.Edit() {
		f.fields = enrich.Append(f.fields[:0], e.Body(), *known)
		e.SetFields(f.fields)
	}
	return nil
}
