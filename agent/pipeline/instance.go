package pipeline

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// instance is what inputs, filters, outputs and customs have in common.
type instance struct {
	name  string // "cpu.0"
	alias string
	log   *slog.Logger
	meter *metric.Registry // what the plugin counts itself
	pos   option.Pos
	words string            // fingerprint of its section
	print string            // fingerprint of all that makes it what it is
	mask  *strings.Replacer // hides its secrets; nil when it has none

	missed, nearest string // a parser that is not there, and which one may be meant
	life
}

// shown is the name in logs and metrics.
func (i *instance) shown() string {
	if i.alias != "" {
		return i.alias
	}
	return i.name
}

// key names the instance to a later run. By then a name without an alias may be another's, since it has a
// number; so its words must be the same, too.
func (i *instance) key() string {
	if i.alias != "" {
		return i.alias
	}
	hash := sha256.Sum256([]byte(i.words))
	return fmt.Sprintf("%s %x", i.name, hash[:8])
}

// assembly is what one instance is made of: its section, the settings of the pipeline and those of the
// plugin.
type assembly[P any] struct {
	b      *builder
	kind   string // "input", for the log
	spec   plugin.Spec[P]
	sec    config.Section
	common *common
	opts   []option.Option // the pipeline's own
}

// make decodes the section and builds the plugin.
func (a assembly[P]) make(tag func() string) (P, instance, error) {
	var none P
	cfg := a.spec.Config()
	own := cfg.Options()
	a.sec.Props = inherit(a.sec.Props, own, a.b.tree.Service)
	opts := append(append(a.opts, own...), network(a.kind, own)...)
	inst := instance{name: a.b.number(a.kind, a.spec.Name), pos: a.sec.Pos, words: config.Fingerprint(a.sec), print: a.b.fingerprint(a.kind, a.sec)}
	what := a.kind + " " + a.spec.Name
	inst.mask = option.Masker(own, a.sec.Props)
	err := errors.Join(option.Decode(opts, a.props(), a.sec.Pos), option.CheckOnce(own, a.sec.Props), a.refuseTLS(own))
	if err != nil {
		return none, inst, inst.fault(what, err)
	}
	if v, _ := option.Lookup(a.sec.Props, "active"); !a.common.active && (a.kind == "input" || a.kind == "output") {
		a.b.warn(v.Pos, "remove its section", "active off has no effect on the %s %s: only filters and processors can be switched off", a.kind, a.spec.Name)
	}
	a.b.warnOf(option.CheckOnce(a.opts, a.sec.Props)) // as in the C agent the last one counts
	inst.alias = a.common.alias
	inst.log = a.b.logger(a.kind+":"+a.spec.Name+":"+inst.shown(), a.common, inst.mask)
	inst.meter = metric.NewRegistry("fluentbit", a.kind, metric.L("name", inst.shown()))
	env := a.b.env(&inst, a.sec.Props)
	if tag != nil {
		env.Tag = tag()
	}
	if env.Tag == "" {
		env.Tag = inst.name
	}
	p, err := cfg.New(env)
	if err != nil {
		return none, inst, inst.fault(what, at(a.sec.Pos, what, err))
	}
	return p, inst, nil
}

// refuseTLS finds `tls on` where nothing would encrypt. A plugin from a file takes the key and sees to it.
func (a assembly[P]) refuseTLS(own []option.Option) error {
	v, set := option.Lookup(a.props(), "tls")
	if on, err := option.ParseBool(v.Text); !set || err != nil || !on || option.Knows(own, "tls") {
		return nil
	}
	return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("the %s %s does not speak TLS", a.kind, a.spec.Name), Cure: "remove tls, or choose a plugin that does"}
}

// props leaves out what an empty variable made empty: such a property counts as not set.
func (a assembly[P]) props() []option.Property {
	var props []option.Property
	for _, p := range a.sec.Props {
		if p.Value.Kind == option.KindText && p.Value.Text == "" {
			continue
		}
		props = append(props, p)
	}
	return props
}

// number gives the next instance of a kind its name: dummy.0, cpu.1, dummy.2, …
func (b *builder) number(kind, name string) string {
	n := b.counts[kind]
	b.counts[kind]++
	return fmt.Sprintf("%s.%d", name, n)
}

func (b *builder) logger(component string, c *common, mask *strings.Replacer) *slog.Logger {
	level := b.set.Level
	if c.hasLevel && level < logger.LevelOff {
		level = c.level
	}
	return logger.New(b.set.Sink, component, logger.Options{Level: level, Suppress: c.suppress, Mask: mask})
}

// lookup finds a plugin by its configured name, or says why there is none.
func lookup[P any](specs []plugin.Spec[P], sec config.Section, kind string, planned func(kind, name string) bool) (plugin.Spec[P], error) {
	name := strings.ToLower(sec.Name)
	var names []string
	// Plugins that were loaded from files stand behind the built-in ones and win over them.
	for i := len(specs) - 1; i >= 0; i-- {
		if specs[i].Name == name {
			return specs[i], nil
		}
		names = append(names, specs[i].Name)
	}
	switch {
	case name == "":
		return plugin.Spec[P]{}, &option.Error{Pos: sec.Pos, Msg: "this " + kind + " has no name", Cure: "add the property 'name' with the plugin to use"}
	case planned != nil && planned(kind, name):
		return plugin.Spec[P]{}, &option.Error{Pos: sec.Pos, Msg: fmt.Sprintf("%s plugin '%s' is not in this build yet", kind, name), Cure: "fluent-bit -h lists those that are"}
	}
	cure := option.Suggest(name, names)
	if cure == "" {
		cure = "fluent-bit -h lists the plugins; one in a file is loaded with -e FILE"
	}
	return plugin.Spec[P]{}, &option.Error{Pos: sec.Pos, Msg: fmt.Sprintf("unknown %s plugin '%s'", kind, sec.Name), Cure: cure}
}
