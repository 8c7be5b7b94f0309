// Package labels is the processor labels: it edits the labels of metrics.
package labels

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/payload"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the processor labels.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "labels",
	Summary: "Edit the labels of metrics",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	update, insert, upsert [][]string // pairs of name and value
	remove, hash           []string
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.WordLists("update", 1, &c.update).Help("NAME VALUE: give a label that is there another value. Here and below $TAG and $TAG[n] in a value stand for the tag and its parts."),
		option.WordLists("insert", 1, &c.insert).Help("NAME VALUE: add a label to metrics that lack it."),
		option.WordLists("upsert", 1, &c.upsert).Help("NAME VALUE: set a label whether it is there or not."),
		option.Strings("delete", &c.remove).Help("NAME: remove a label. Where that leaves counters or histograms with the same labels, they add up; of other metrics the last counts."),
		option.Strings("hash", &c.hash).Help("NAME: replace a label's value by its SHA-256 in hexadecimal digits. All keys may be given many times; what is deleted goes first, then come update, upsert, insert and hash."),
	}
}

// setting is a name with its value.
type setting struct {
	name  string
	value *accessor.Accessor
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	f := &filter{remove: c.remove, hash: c.hash}
	for _, l := range []struct {
		key   string
		pairs [][]string
		to    *[]setting
	}{{"update", c.update, &f.update}, {"insert", c.insert, &f.insert}, {"upsert", c.upsert, &f.upsert}} {
		for _, pair := range l.pairs {
			v, _ := option.Lookup(env.Properties, l.key)
			if len(pair) != 2 {
				return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' has no value", l.key, pair[0]), Cure: "write a name, a blank and the value"}
			}
			a, err := accessor.Compile(pair[1])
			if err != nil {
				return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", l.key, err)}
			}
			*l.to = append(*l.to, setting{pair[0], a})
		}
	}
	return f, nil
}

type filter struct {
	remove, hash           []string
	update, insert, upsert []setting
}

// Filter edits all sets of the batch.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	return payload.EditMetrics(b, func(s *metric.Set) { f.edit(s, b.Tag) })
}

func (f *filter) edit(s *metric.Set, tag string) {
	for _, name := range f.remove {
		each(s, func(list []metric.Label) []metric.Label {
			return slices.DeleteFunc(list, func(l metric.Label) bool { return l.Name == name })
		})
	}
	text := func(x setting) string {
		v, _ := x.value.AppendText(nil, accessor.Source{Tag: tag})
		return string(v)
	}
	for _, x := range f.update {
		update(s, x.name, text(x))
	}
	for _, x := range f.upsert {
		upsert(s, x.name, text(x))
	}
	for _, x := range f.insert {
		insert(s, x.name, text(x))
	}
	for _, name := range f.hash {
		hash(s, name)
	}
	for i := range s.Families {
		merge(&s.Families[i])
	}
}

// each has all lists of labels edited: the one that all points share, and those of the points.
func each(s *metric.Set, edit func([]metric.Label) []metric.Label) {
	s.Labels = edit(s.Labels)
	points(s, edit)
}

func points(s *metric.Set, edit func([]metric.Label) []metric.Label) {
	for i := range s.Families {
		for j := range s.Families[i].Points {
			p := &s.Families[i].Points[j]
			p.Labels = edit(p.Labels)
		}
	}
}

func find(list []metric.Label, name string) int {
	return slices.IndexFunc(list, func(l metric.Label) bool { return l.Name == name })
}

// put replaces the value of a label, or appends the label.
func put(list []metric.Label, name, value string) []metric.Label {
	if i := find(list, name); i >= 0 {
		list[i].Value = value
		return list
	}
	return append(list, metric.L(name, value))
}

// update sets the label on all points of a family that knows it: a point that leaves it out has it empty.
func update(s *metric.Set, name, value string) {
	if find(s.Labels, name) >= 0 {
		s.Labels = put(s.Labels, name, value)
	}
	for i := range s.Families {
		f := &s.Families[i]
		if !slices.ContainsFunc(f.Points, func(p metric.Point) bool { return find(p.Labels, name) >= 0 }) {
			continue
		}
		for j := range f.Points {
			f.Points[j].Labels = put(f.Points[j].Labels, name, value)
		}
	}
}

// upsert sets a label that no point has where all share it, and elsewhere on every point.
func upsert(s *metric.Set, name, value string) {
	own := false
	points(s, func(list []metric.Label) []metric.Label {
		own = own || find(list, name) >= 0
		return list
	})
	if !own {
		s.Labels = put(s.Labels, name, value)
		return
	}
	points(s, func(list []metric.Label) []metric.Label { return put(list, name, value) })
}

func insert(s *metric.Set, name, value string) {
	if find(s.Labels, name) >= 0 {
		return
	}
	points(s, func(list []metric.Label) []metric.Label {
		if find(list, name) >= 0 {
			return list
		}
		return append(list, metric.L(name, value))
	})
}

func hash(s *metric.Set, name string) {
	each(s, func(list []metric.Label) []metric.Label {
		if i := find(list, name); i >= 0 && list[i].Value != "" {
			sum := sha256.Sum256([]byte(list[i].Value))
			list[i].Value = hex.EncodeToString(sum[:])
		}
		return list
	})
}
