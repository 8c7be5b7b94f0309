// Package content_modifier is the processor content_modifier: it inserts, changes, renames, hashes, extracts
// or converts one key in a part of the data: a log's body or metadata, its OpenTelemetry resource or scope,
// a metric's labels, a span's attributes.
package content_modifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor content_modifier.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "content_modifier",
	Summary: "Insert, change, rename, hash, extract or convert a key of records, OpenTelemetry parts, labels or spans",
	Kinds:   event.Logs | event.Metrics | event.Traces,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type actionName string

const (
	actInsert  actionName = "insert"
	actUpsert  actionName = "upsert"
	actDelete  actionName = "delete"
	actRename  actionName = "rename"
	actHash    actionName = "hash"
	actExtract actionName = "extract"
	actConvert actionName = "convert"
)

type valueType string

const (
	typeString  valueType = "string"
	typeBoolean valueType = "boolean"
	typeInt     valueType = "int"
	typeDouble  valueType = "double"
)

type config struct {
	context contextName
	action  actionName
	key     string
	value   string
	pattern string
	to      valueType
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Enum("context", &c.context, contextNames...).
			Help("The part that is changed. Without it: the body of logs, the labels of metrics, the attributes of spans."),
		option.Enum("action", &c.action, actInsert, actUpsert, actDelete, actRename, actHash, actExtract, actConvert).Required().
			Help("insert adds a key that is not there; upsert sets it in any case; delete takes it out; rename gives it the name in `value`; hash replaces its value by the SHA-256 in hex; extract adds the named groups of `pattern` found in its text; convert makes it a `converted_type`."),
		option.String("key", &c.key).Help("The key that is changed. Contexts that are a single value, such as otel_scope_name, need none."),
		option.String("value", &c.value).Help("The new value, a text; for rename the new name."),
		option.String("pattern", &c.pattern).Help("For extract: a regular expression with named groups."),
		option.Enum("converted_type", &c.to, typeString, typeBoolean, typeInt, typeDouble).Help("For convert: the type that the value gets."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	at := func(key string) option.Pos {
		if v, ok := option.Lookup(env.Properties, key); ok {
			return v.Pos
		}
		v, _ := option.Lookup(env.Properties, "action")
		return v.Pos
	}
	given := func(key string) bool { _, ok := option.Lookup(env.Properties, key); return ok }
	needs := func(key, cure string) error {
		if given(key) {
			return nil
		}
		return &option.Error{Pos: at("action"), Msg: fmt.Sprintf("the action %s needs '%s'", c.action, key), Cure: cure}
	}
	f := &filter{modifier: modifier{action: c.action, to: c.to}, context: c.context}
	var errs []error
	p := single(c.context)
	if p.key != "" {
		errs = append(errs, c.checkSingle(p, given("key"), at))
		c.key, f.inPlace = p.key, p.kind != event.Logs
	} else if err := needs("key", "name the key that is changed"); err != nil {
		errs = append(errs, err)
	} else if c.key == "" {
		errs = append(errs, &option.Error{Pos: at("key"), Msg: "the key is empty", Cure: "name the key that is changed"})
	}
	switch c.action {
	case actInsert, actUpsert, actRename:
		errs = append(errs, needs("value", "say what the key gets"))
	case actConvert:
		errs = append(errs, needs("converted_type", "use one of string, boolean, int, double"))
	case actExtract:
		if err := needs("pattern", "write a regular expression with named groups: ^(?<user>[^@]+)@"); err != nil {
			errs = append(errs, err)
			break
		}
		re, err := regex.Compile(c.pattern)
		if err != nil {
			errs = append(errs, option.Errorf(at("pattern"), "pattern: %v", err))
			break
		}
		f.re = re
		for i, name := range re.Names() {
			if name != "" {
				f.groups = append(f.groups, group{i, event.AppendStr(nil, name)})
			}
		}
		if len(f.groups) == 0 {
			errs = append(errs, &option.Error{Pos: at("pattern"), Msg: "the pattern has no named groups, so it extracts nothing", Cure: "name what you want: (?<user>[^@]+)"})
		}
		f.watch.Add(re)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	f.modifier.key, f.modifier.value = event.AppendStr(nil, c.key), event.AppendStr(nil, c.value)
	if p.name == "span_kind" {
		f.modifier.value = event.AppendInt(nil, int64(slices.Index(spanKinds, strings.ToLower(c.value))))
	}
	return f, nil
}

// checkSingle checks what is asked of a context that is one value. Those of metrics and spans cannot go away
// or change their type.
func (c *config) checkSingle(p part, given bool, at func(string) option.Pos) error {
	switch {
	case given && !strings.EqualFold(c.key, p.key):
		return &option.Error{Pos: at("key"), Msg: fmt.Sprintf("the context %s has no key '%s'", c.context, c.key), Cure: "leave 'key' out"}
	case c.action == actRename || c.action == actExtract || c.action == actConvert,
		p.kind != event.Logs && c.action != actUpsert && (c.action != actHash || p.name == "span_kind"):
		return &option.Error{Pos: at("action"), Msg: fmt.Sprintf("the action %s makes no sense in the context %s", c.action, c.context), Cure: "use upsert"}
	case p.name == "span_kind" && !slices.Contains(spanKinds, strings.ToLower(c.value)):
		return &option.Error{Pos: at("value"), Msg: fmt.Sprintf("'%s' is no kind of span", c.value), Cure: "use one of " + strings.Join(spanKinds, ", ")}
	}
	return nil
}

type filter struct {
	modifier
	context contextName
	part    []byte // the map that the action was done on
	watch   regex.Watch
	refused bool // that the context is another signal's was said already
}

// Filter changes one batch of whatever signal.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	kind := max(b.Kind, event.Logs)
	p, ok := f.context.in(kind)
	if !ok {
		if f.refused {
			return nil
		}
		f.refused = true
		return fmt.Errorf("the context %s is no part of this signal; nothing is changed", f.context)
	}
	var err error
	switch {
	case kind == event.Metrics:
		err = f.metrics(b)
	case kind == event.Traces:
		err = f.traces(b)
	case p.group:
		for e := range b.EditGroups() {
			if body, changed := f.inside(e.Body(), p.path); changed {
				e.SetBody(body)
			}
		}
	case p.meta:
		for e := range b.Edit() {
			if meta, changed := f.inside(e.Meta(), p.path); changed {
				e.SetMeta(meta)
			}
		}
	default:
		for e := range b.Edit() {
			if fields, changed := f.apply(e.Body()); changed {
				e.SetFields(fields)
			}
		}
	}
	return errors.Join(err, f.watch.Check())
}

// inside returns what becomes of top when the action is done on the map that path leads to. What is missing on
// the way is made when there is something to put in.
func (f *filter) inside(top event.Value, path []string) (event.Value, bool) {
	if len(top) > 0 && top.Type() != event.TypeMap {
		return nil, false
	}
	if len(path) == 0 {
		fields, changed := f.apply(top)
		if changed {
			f.part = event.AppendMapOf(f.part[:0], fields)
		}
		return f.part, changed
	}
	inner, changed := f.inside(top.Get(path[0]), path[1:])
	if !changed {
		return nil, false
	}
	return replaced(top, path[0], inner), true
}

// replaced returns a map with val under key; nil counts as an empty one.
func replaced(v event.Value, key string, val event.Value) event.Value {
	fields := event.AppendFields(nil, v)
	for i := range fields {
		if fields[i].Is(key) {
			fields[i].Val = val
			return event.AppendMapOf(nil, fields)
		}
	}
	return event.AppendMapOf(nil, append(fields, event.Field{Key: event.AppendStr(nil, key), Val: val}))
}
