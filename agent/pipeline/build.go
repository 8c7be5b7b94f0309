package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// builder collects every fault of a configuration while it builds.
type builder struct {
	p      *Pipeline
	set    Settings
	specs  plugin.Set
	tree   *config.Tree
	counts map[string]int
	errs   []error

	parsers string // fingerprint of all parsers
}

// Build checks the whole tree and makes a pipeline that [Pipeline.Start] can start. It opens nothing. All
// faults are returned at once, joined.
func Build(tree *config.Tree, specs plugin.Set, set Settings) (*Pipeline, error) {
	p := &Pipeline{
		books: newBooks(set), set: set, parsers: map[string]plugin.Parser{}, multilines: multiline.NewSet(set.MultilineLimit),
		log: logger.New(set.Sink, "engine", logger.Options{Level: set.Level}),
	}
	b := &builder{p: p, set: set, specs: specs, tree: tree, counts: map[string]int{}, parsers: config.Fingerprint(append(slices.Clone(tree.Parsers), tree.MultilineParsers...)...) + fmt.Sprint(set.MultilineLimit)}
	p.emitter = &input{settings: inputSettings{routable: true}, open: map[openKey]*filling{},
		instance: instance{name: "emitter.0", log: logger.New(set.Sink, "input:emitter:emitter.0", logger.Options{Level: set.Level})}}
	p.emitter.home.Store(p)
	for _, s := range tree.Parsers {
		b.parser(s)
	}
	for _, s := range tree.MultilineParsers {
		b.multilineParser(s)
	}
	for _, s := range tree.Customs {
		b.custom(s)
	}
	for _, s := range tree.Inputs {
		b.input(s)
	}
	for _, s := range tree.StreamTasks {
		b.task(s)
	}
	for _, s := range tree.Filters {
		b.filter(s)
	}
	for _, s := range tree.Outputs {
		b.output(s, len(tree.Inputs), len(tree.Outputs))
	}
	b.resolveRoutes()
	b.checkRoutes()
	if set.Storage.KeepRejected && set.Storage.Path == "" {
		b.warn(option.Pos{}, "set storage.path", "storage.keep.rejected keeps nothing without a folder")
	}
	if len(tree.Inputs) == 0 && len(tree.Customs) == 0 {
		b.errs = append(b.errs, errors.New("there is no input, so there is nothing to do; add one with -i NAME or an [INPUT] section"))
	}
	return p, errors.Join(b.errs...)
}

func (b *builder) fail(err error) { b.errs = append(b.errs, err) }

func (b *builder) warn(pos option.Pos, cure, format string, args ...any) {
	b.p.Warnings = append(b.p.Warnings, &option.Error{Pos: pos, Msg: fmt.Sprintf(format, args...), Cure: cure})
}

// env is what an instance may use of the agent.
func (b *builder) env(inst *instance, props []option.Property) plugin.Env {
	p := b.p
	return plugin.Env{
		Name: inst.name, Alias: inst.alias, Log: inst.log, Metrics: inst.meter, Properties: props, Vars: b.tree.Vars,
		Parser: func(name string) (plugin.Parser, bool) {
			x, ok := p.parsers[name]
			if !ok {
				inst.missed, inst.nearest = name, option.Suggest(name, slices.Sorted(maps.Keys(p.parsers)))
			}
			return x, ok
		},
		Multiline: p.multilines.Use,
		JoinLimit: b.set.MultilineLimit,
		Upstream:  b.upstream,
		Emit: func(ctx context.Context, batch *event.Batch) error {
			if batch.Source == "" {
				batch.Source = inst.shown()
			}
			if d, ok := ctx.Value(derivedKey{}).(*derived); ok {
				d.batches = append(d.batches, batch)
				return nil
			}
			return p.emitter.Emit(ctx, batch)
		},
		Stop:  func(code int) { p.Stop(code) }, // p's books may be another's by then
		Agent: b.set.Metrics,
		JSON:  b.set.JSON,
		Grace: b.set.Grace,
	}
}

func (b *builder) upstream(name string) ([]plugin.Node, bool) {
	u, ok := b.tree.Upstream(name)
	var nodes []plugin.Node
	for _, n := range u.Groups {
		nodes = append(nodes, plugin.Node{Name: n.Name, Properties: n.Props, Pos: n.Pos})
	}
	return nodes, ok
}

func (b *builder) input(s config.Section) {
	s = address(s, "listen")
	spec, err := lookup(b.specs.Inputs, s, "input", b.set.Planned)
	if err != nil {
		b.fail(unknown(err))
		return
	}
	in := &input{rereads: spec.Rereads, open: map[openKey]*filling{}}
	in.home.Store(b.p)
	a := assembly[plugin.Input]{b: b, kind: "input", spec: spec, sec: s, common: &in.settings.common, opts: in.settings.options()}
	in.plugin, in.instance, err = a.make(func() string { return in.settings.tag })
	if err != nil {
		b.fail(err)
		return
	}
	if r, ok := in.plugin.(plugin.Replayer); ok {
		in.replays = r.Replays()
	}
	in.tag = in.settings.tag
	if in.tag == "" {
		in.tag = in.name
	}
	if in.storage, err = b.storageOf(s, in.settings.storage); err != nil {
		b.fail(err)
		return
	}
	in.print += fmt.Sprintf(" storage %d", in.storage) // the service may have said it
	if r := &in.settings.rate; r.on && r.maxBytes == 0 && r.maxRecords == 0 {
		b.warn(s.Pos, "set rate_gate.max_bytes or rate_gate.max_records", "the rate gate of %s has no limit and is always open", in.shown())
	}
	in.processors = b.processors(in.settings.processors, in.instance)
	in.routes = b.routes(in.settings.routes, in.instance)
	in.log.Info("initializing")
	b.p.inputs = append(b.p.inputs, in)
}

// storageOf is where the records of an input wait: as it says itself, or the service when that is asked.
func (b *builder) storageOf(s config.Section, own string) (storageType, error) {
	pos := s.Pos
	if p, ok := option.Lookup(s.Props, "storage.type"); ok {
		pos = p.Pos
	} else if inherited := b.set.Storage.Type; inherited != "" {
		own = inherited
	}
	switch own {
	case "filesystem":
		if b.set.Storage.Path == "" {
			return 0, &option.Error{Pos: pos, Msg: "storage.type filesystem needs a folder for the chunks", Cure: "set storage.path in the service section"}
		}
		return filesystem, nil
	case "memrb":
		return memrb, nil
	}
	return memoryOnly, nil
}

func (b *builder) filter(s config.Section) {
	spec, err := lookup(b.specs.Filters, s, "filter", b.set.Planned)
	if err != nil {
		b.fail(unknown(err))
		return
	}
	var set filterSettings
	f := &step{kinds: spec.Kinds}
	a := assembly[plugin.Filter]{b: b, kind: "filter", spec: spec, sec: s, common: &set.common, opts: set.options()}
	f.plugin, f.instance, err = a.make(nil)
	if err != nil {
		b.fail(err)
		return
	}
	m := newMatcher(set.matching, s.Props)
	f.matcher = &m
	if !set.active {
		return
	}
	if !m.set() { // as a warning it would let pass what the filter is to take out
		b.fail(&option.Error{Pos: s.Pos, Msg: fmt.Sprintf("no match rule for filter %s, which would see no record", f.shown()), Cure: "add match: '*'"})
		return
	}
	b.p.filters = append(b.p.filters, f)
}

func (b *builder) output(s config.Section, inputs, outputs int) {
	s = address(s, "host")
	spec, err := lookup(b.specs.Outputs, s, "output", b.set.Planned)
	if err != nil {
		b.fail(unknown(err))
		return
	}
	o := &output{kinds: spec.Kinds, waiting: map[*delivery]*time.Timer{}, flying: map[*delivery]bool{}, wake: make(chan struct{}, 1)}
	o.home.Store(b.p)
	set := &o.settings
	a := assembly[plugin.Output]{b: b, kind: "output", spec: spec, sec: s, common: &set.common, opts: set.options()}
	o.plugin, o.instance, err = a.make(nil)
	if err != nil {
		b.fail(err)
		return
	}
	o.matcher = newMatcher(set.matching, s.Props)
	if !o.matcher.set() {
		if inputs == 1 && outputs == 1 {
			o.matcher.pattern = "*"
		} else {
			o.unmatched = true
		}
	}
	o.print += " match " + o.matcher.pattern // the rest of the configuration may have said it
	v, _ := option.Lookup(s.Props, "retry_limit")
	if n, err := strconv.Atoi(v.Text); err == nil && n < 1 {
		b.warn(v.Pos, "write no_retries for none, no_limits for all it takes", "retry_limit: '%s' is below 1, so a chunk is retried once", v.Text)
	}
	o.workers = max(1, spec.Workers)
	if set.workers > 0 {
		o.workers = set.workers
	}
	o.processors = b.processors(set.processors, o.instance)
	for _, s := range o.processors {
		s.copies = true
	}
	o.log.Info(fmt.Sprintf("initializing, %d worker(s)", o.workers))
	b.p.outputs = append(b.p.outputs, o)
}

func (b *builder) custom(s config.Section) {
	spec, err := lookup(b.specs.Customs, s, "custom", b.set.Planned)
	if err != nil {
		b.fail(unknown(err))
		return
	}
	c := new(custom)
	var set common
	a := assembly[plugin.Custom]{b: b, kind: "custom", spec: spec, sec: s, common: &set, opts: set.options()}
	if c.plugin, c.instance, err = a.make(nil); err != nil {
		b.fail(err)
		return
	}
	b.p.customs = append(b.p.customs, c)
}

// at gives err a position unless it knows a better one.
func at(pos option.Pos, what string, err error) error {
	if e := (*option.Error)(nil); errors.As(err, &e) {
		return err
	}
	return &option.Error{Pos: pos, Msg: fmt.Sprintf("%s: %v", what, err)}
}

// ErrUnknownPlugin is part of an error that names a plugin which is not there.
var ErrUnknownPlugin = errors.New("unknown plugin")

type unknownPlugin struct{ error }

func unknown(err error) error { return unknownPlugin{err} }

func (u unknownPlugin) Unwrap() error        { return u.error }
func (u unknownPlugin) Is(target error) bool { return target == ErrUnknownPlugin }

// checkRoutes warns about outputs and filters that no record can reach, as far as tags are known now.
func (b *builder) checkRoutes() {
	if len(b.errs) > 0 || b.retags() {
		return
	}
	var tags []string
	for _, in := range b.p.inputs {
		tags = append(tags, in.tag)
	}
	reaches := func(m *matcher) bool { return slices.ContainsFunc(tags, m.match) }
	unreachable := func(i *instance, m *matcher) {
		if m.set() && !reaches(m) {
			b.warn(m.pos, "the tags are: "+strings.Join(tags, ", "), "the match '%s' of %s fits no tag", m.pattern, i.shown())
		}
	}
	for _, f := range b.p.filters {
		unreachable(&f.instance, f.matcher)
	}
	for _, o := range b.p.outputs {
		unreachable(&o.instance, &o.matcher)
	}
	if len(b.p.outputs) == 0 && len(b.p.inputs) > 0 {
		b.warn(b.p.inputs[0].pos, "add one with -o NAME or an [OUTPUT] section", "there is no output: all records are dropped")
	}
}

// retags reports whether records may carry other tags than the inputs' configured ones.
func (b *builder) retags() bool {
	names := map[string]bool{}
	for _, s := range b.specs.Inputs {
		names[s.Name] = s.Retags
	}
	for _, in := range b.p.inputs {
		plug, _, _ := strings.Cut(in.name, ".")
		if names[plug] || strings.Contains(in.tag, "*") {
			return true
		}
	}
	steps := slices.Clone(b.p.filters)
	for _, in := range b.p.inputs {
		steps = append(steps, in.processors...)
	}
	for _, o := range b.p.outputs {
		steps = append(steps, o.processors...)
	}
	for _, f := range steps {
		plug, _, _ := strings.Cut(f.name, ".")
		for _, s := range b.specs.Filters {
			if s.Name == plug && s.Retags {
				return true
			}
		}
	}
	return false
}
