// Package redact is a filter that takes secrets out of records: what a pattern matches in any text, however
// deep it stands, and the values of keys that are named.
package redact

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter redact.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "redact",
	Summary: "Replace secrets in records",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	patterns []*regexp.Regexp
	keys     []string
	with     string
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.Each("pattern", "regex", &c.patterns, regexp.Compile).
			Help("What this regular expression matches in a text is replaced."),
		option.Strings("key", &c.keys).
			Help("The value of this key is replaced, whatever it is and however deep it stands. Case does not matter."),
		option.String("with", &c.with).Default("[redacted]").Help("What is written instead."),
	}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	if len(c.patterns) == 0 && len(c.keys) == 0 {
		return nil, errors.New("redact has nothing to do: set 'pattern' or 'key'")
	}
	return &filter{config: *c, instead: event.AppendStr(nil, c.with)}, nil
}

type filter struct {
	config
	instead event.Value
	body    []byte // the record in hand; kept for its memory
}

// Filter edits the records that hold a secret and leaves all others as they are.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for r := range b.Edit() {
		body, found := f.clean(f.body[:0], r.Body())
		f.body = body
		if found {
			r.SetBody(body)
		}
	}
	return nil
}

// clean appends v without its secrets to dst and tells whether there were any.
func (f *filter) clean(dst []byte, v event.Value) (_ []byte, found bool) {
	switch v.Type() {
	case event.TypeMap:
		dst = event.AppendMap(dst, v.Len())
		for key, val := range v.Pairs() {
			dst = append(dst, key...)
			if f.names(key.Str()) {
				dst, found = append(dst, f.instead...), true
				continue
			}
			var inner bool
			dst, inner = f.clean(dst, val)
			found = found || inner
		}
		return dst, found
	case event.TypeArray:
		dst = event.AppendArray(dst, v.Len())
		for item := range v.Elems() {
			var inner bool
			dst, inner = f.clean(dst, item)
			found = found || inner
		}
		return dst, found
	case event.TypeStr:
		if text, hit := f.replace(v.Str()); hit {
			return event.AppendStr(dst, text), true
		}
	}
	return append(dst, v...), false
}

func (f *filter) names(key []byte) bool {
	for _, k := range f.keys {
		if len(k) == len(key) && strings.EqualFold(k, string(key)) {
			return true
		}
	}
	return false
}

func (f *filter) replace(text []byte) (_ []byte, hit bool) {
	for _, p := range f.patterns {
		if p.Match(text) {
			text, hit = p.ReplaceAllLiteral(text, []byte(f.with)), true
		}
	}
	return text, hit
}
