// Package rewrite_tag is the filter rewrite_tag: it sends records that match a rule through the pipeline again
// under a tag made of their content.
package rewrite_tag

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter rewrite_tag.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "rewrite_tag",
	Summary: "Give records that match a rule another tag",
	Retags:  true,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	rules   []rule
	emitter string
	storage string
	limit   int64
}

// rule is one line KEY REGEX NEW_TAG KEEP.
type rule struct {
	key  *accessor.Accessor
	re   *regex.Regexp
	tag  *accessor.Accessor
	keep bool
}

func (c *config) Options() []option.Option {
	rules := option.Ordered("space delimited strings (minimum 4)", c.addRule, "rule")
	return []option.Option{
		rules[0].Help("KEY REGEX NEW_TAG KEEP: a record whose text under KEY, a key or a record accessor, matches goes through all filters again with NEW_TAG. " +
			"NEW_TAG may hold $0 to $9 for what the expression's groups matched, $TAG, $TAG[n] and accessors such as $key. " +
			"With KEEP true the record goes on with its own tag as well. The first rule that matches is the only one used. What holds blanks stands in double quotes."),
		option.String("emitter_name", &c.emitter).
			Help("Has no effect: there is no hidden input here that could have a name. Records with a new tag count for the input that they came from."),
		option.Enum("emitter_storage.type", &c.storage, "memory", "filesystem", "memrb").Default("memory").
			Help("Has no effect: records with a new tag are stored as the input's storage.type says."),
		option.Size("emitter_mem_buf_limit", &c.limit).Default("10M").
			Help("Has no effect: records with a new tag count towards the input's mem_buf_limit, and no record is left behind under its old tag."),
	}
}

func (c *config) addRule(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY REGEX NEW_TAG KEEP, not a list or a map")
	}
	fault := func(cure, format string, args ...any) error {
		return &option.Error{Pos: v.Pos, Msg: "rule: " + fmt.Sprintf(format, args...), Cure: cure}
	}
	parts, err := option.ParseWords(v.Text, 4)
	if err != nil || len(parts) != 4 {
		return fault("put double quotes around what holds blanks", "'%s' is not KEY REGEX NEW_TAG KEEP", v.Text)
	}
	var r rule
	if r.key, err = accessor.CompileKey(parts[0]); err != nil {
		return fault("", "%v", err)
	}
	if r.re, err = regex.Compile(parts[1]); err != nil {
		return fault("", "%v", err)
	}
	if r.tag, err = accessor.Compile(parts[2]); err != nil {
		return fault("", "%v", err)
	}
	if r.keep, err = option.ParseBool(parts[3]); err != nil {
		return fault("write true to keep the record under its old tag as well", "'%s' %v", parts[3], err)
	}
	c.rules = append(c.rules, r)
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	if len(c.rules) == 0 {
		env.Log.Warn("this filter has no rule and does nothing; add one: rule $level ^error$ error.$TAG false")
	}
	f := &filter{rules: c.rules, emit: env.Emit, log: env.Log, byTag: map[string]int{}, emitted: env.Metrics.Counter("emit_records_total", "Total number of emitted records")}
	for _, r := range c.rules {
		f.watch.Add(r.re)
	}
	return f, nil
}

type filter struct {
	rules   []rule
	emit    func(context.Context, *event.Batch) error
	log     *slog.Logger
	watch   regex.Watch
	found   []int          // captures; kept for its memory, …
	tag     []byte         // … as this is: the new tag
	batches []*event.Batch // one per new tag and OTLP group, in the order of their first record
	byTag   map[string]int // index in batches, of the group in hand …
	group   event.Group    // … which is this, …
	first   int            // … and whose batches begin here
	emitted *metric.Counter
	refused int // records whose new tag could not be used
}

// Filter moves the records that match into batches of their own and emits those.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	refused := f.refused
	for e := range b.Edit() {
		r := f.match(e.Body())
		if r == nil {
			continue
		}
		s := accessor.Source{Tag: b.Tag, Body: e.Body(), Text: r.key.Get(e.Body()).Str(), Captures: f.found}
		f.tag, _ = r.tag.AppendText(f.tag[:0], s)
		if len(f.tag) == 0 || string(f.tag) == b.Tag {
			f.refused++ // under its own tag it would come by here again and again
			continue
		}
		f.enter(e.Group())
		f.batch(b).Append(e.Time(), e.Meta(), e.Body())
		if !r.keep {
			e.Drop()
		}
	}
	if refused == 0 && f.refused > 0 {
		f.log.Warn(fmt.Sprintf("a rule makes an empty tag or the very tag that the record has, '%s': such records stay as they are", b.Tag))
	}
	return errors.Join(f.send(ctx), f.watch.Check())
}

// match returns the first rule that matches, with its captures in found.
func (f *filter) match(body event.Value) *rule {
	for i := range f.rules {
		r := &f.rules[i]
		text := r.key.Get(body)
		if text.Type() != event.TypeStr {
			continue
		}
		if f.found = r.re.Find(f.found[:0], text.Str()); len(f.found) > 0 {
			return r
		}
	}
	return nil
}

// enter takes note of the group that the record in hand stands in.
func (f *filter) enter(g event.Group) {
	own := &f.group
	if bytes.Equal(own.Meta, g.Meta) && bytes.Equal(own.Attributes, g.Attributes) {
		return // fast path: there are none, as a rule
	}
	f.leave()
	own.Meta, own.Attributes = append(own.Meta, g.Meta...), append(own.Attributes, g.Attributes...)
}

// leave puts the records that were collected into a group like the one that they came from.
func (f *filter) leave() {
	if own := &f.group; len(own.Attributes) > 0 {
		for _, d := range f.batches[f.first:] {
			d.Wrap(own.Meta, own.Attributes)
		}
		own.Meta, own.Attributes = own.Meta[:0], own.Attributes[:0]
	}
	f.first = len(f.batches)
	clear(f.byTag)
}

// batch returns the batch for the new tag.
func (f *filter) batch(parent *event.Batch) *event.Batch {
	i, ok := f.byTag[string(f.tag)]
	if !ok {
		i = len(f.batches)
		tag := string(f.tag)
		f.byTag[tag] = i
		f.batches = append(f.batches, parent.Derive(tag))
	}
	return f.batches[i]
}

// send emits what was collected.
func (f *filter) send(ctx context.Context) error {
	f.leave()
	var errs []error
	for _, d := range f.batches {
		f.emitted.Add(uint64(d.Len()))
		if err := f.emit(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("emit %d records with the new tag '%s': %w", d.Len(), d.Tag, err))
		}
	}
	clear(f.batches)
	f.batches, f.first = f.batches[:0], 0
	return errors.Join(errs...)
}
