// Package sampling is the processor sampling: of traces it keeps a part, so that what is kept is whole.
package sampling

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor sampling.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "sampling",
	Summary: "Keep a part of the traces",
	Kinds:   event.Traces,
	Config:  func() plugin.Config[plugin.Filter] { return &config{percentage: 10} },
}

type config struct {
	kind       option.Value
	debug      bool
	percentage float64
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Nested("type", "string", func(v option.Value) error { c.kind = v; return nil }).Required().
			Help("How traces are chosen: probabilistic, by a share of all trace ids. The type tail, which waits for whole traces and looks at them, is not in this build yet."),
		option.Switch("debug", &c.debug).Default("false").Help("Log how many spans of each batch are kept."),
		option.Nested("sampling_settings", "variant", c.settings).
			Help("Settings of the type. For probabilistic: sampling_percentage, from 0 to 100, by default 10."),
		option.Nested("conditions", "variant", func(v option.Value) error {
			return errors.New("belongs to the type tail, which is not in this build yet")
		}).Help("Conditions of the type tail. Not in this build yet."),
	}
}

func (c *config) settings(v option.Value) error {
	if v.Kind != option.KindMap {
		return errors.New("is a map of settings, such as sampling_percentage: 10")
	}
	for _, p := range v.Map {
		if !p.Is("sampling_percentage") {
			return &option.Error{Pos: p.Pos, Msg: fmt.Sprintf("sampling_settings has no '%s'", p.Key), Cure: option.Suggest(p.Key, []string{"sampling_percentage"})}
		}
		n, err := option.Between(option.ParseFloat, 0, 100)(p.Value.Text)
		if err != nil {
			return &option.Error{Pos: p.Value.Pos, Msg: fmt.Sprintf("sampling_percentage: '%s' %v", p.Value.Text, err)}
		}
		c.percentage = n
	}
	return nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	switch c.kind.Text {
	case "probabilistic":
		return &filter{percentage: c.percentage, debug: c.debug, log: env.Log}, nil
	case "tail":
		return nil, &option.Error{Pos: c.kind.Pos, Msg: "the type tail is not in this build yet", Cure: "use probabilistic"}
	}
	return nil, &option.Error{Pos: c.kind.Pos, Msg: fmt.Sprintf("unknown type '%s'", c.kind.Text), Cure: "use probabilistic"}
}

type filter struct {
	percentage float64
	debug      bool
	log        *slog.Logger
}

// Filter implements [plugin.Filter].
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	var out []byte
	s := sampler{keeps: f.keeps}
	for rest := b.Bytes(); len(rest) > 0; {
		v, after, err := event.CheckValue(rest)
		if err != nil {
			return fmt.Errorf("the traces are left as they are: %w", err)
		}
		out, _ = s.list(out, v, levels)
		rest = after
	}
	if s.kept < s.seen {
		if s.kept == 0 {
			out = nil
		}
		b.SetPayload(out)
	}
	if f.debug {
		f.log.Info(fmt.Sprintf("%d of %d spans with tag '%s' are kept", s.kept, s.seen, b.Tag))
	}
	return nil
}

// keeps decides by the trace's id alone, so that every agent decides alike.
func (f *filter) keeps(span event.Value) bool {
	id := span.Get("trace_id")
	raw := id.Bin()
	if text := id.Str(); text != nil {
		raw = make([]byte, hex.DecodedLen(len(text)))
		n, err := hex.Decode(raw, text)
		if err != nil {
			n = 0
		}
		raw = raw[:n]
	}
	if len(raw) < 8 {
		return true // without an id there is nothing to decide by
	}
	return float64(binary.BigEndian.Uint64(raw)%1_000_000)/10_000 < f.percentage
}

// levels are the keys under which a context of traces holds lists, each list in the elements of the one
// before.
var levels = []string{"resourceSpans", "scope_spans", "spans"}

type sampler struct {
	keeps      func(span event.Value) bool
	seen, kept int
}

// list appends a copy of v, a map, with the list under the first of keys thinned out; empty tells that
// nothing is left in that list.
func (s *sampler) list(dst []byte, v event.Value, keys []string) (out []byte, empty bool) {
	if len(keys) == 0 {
		s.seen++
		if !s.keeps(v) {
			return dst, true
		}
		s.kept++
		return append(dst, v...), false
	}
	if v.Type() != event.TypeMap {
		return append(dst, v...), false
	}
	dst = event.AppendMap(dst, v.Len())
	for k, val := range v.Pairs() {
		dst = append(dst, k...)
		if string(k.Str()) != keys[0] || val.Type() != event.TypeArray {
			dst = append(dst, val...)
			continue
		}
		var elems []byte
		n := 0
		for e := range val.Elems() {
			var gone bool
			before := len(elems)
			if elems, gone = s.list(elems, e, keys[1:]); gone {
				elems = elems[:before]
			} else {
				n++
			}
		}
		dst = append(event.AppendArray(dst, n), elems...)
		empty = n == 0 && val.Len() > 0
	}
	return dst, empty
}
