package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/multiline"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// parser defines a parser. A wrong one is there all the same, so that who uses it is not told that it is missing.
func (b *builder) parser(s config.Section) {
	p, err := b.newParser(s)
	if err != nil {
		b.fail(err)
		p = wrong{}
	}
	b.p.parsers[s.Name] = p
}

// wrong takes the place of a parser that cannot be made, in a pipeline that will not start.
type wrong struct{}

func (wrong) Parse([]byte, []byte) ([]byte, event.Time, error) {
	return nil, event.Time{}, errors.New("the parser is wrong")
}

func (b *builder) newParser(s config.Section) (plugin.Parser, error) {
	f := slices.IndexFunc(s.Props, func(p option.Property) bool { return p.Is("format") })
	switch {
	case s.Name == "":
		return nil, &option.Error{Pos: s.Pos, Msg: "this parser has no name", Cure: "add the property 'name'"}
	case f < 0:
		return nil, &option.Error{Pos: s.Pos, Msg: fmt.Sprintf("parser '%s' has no format", s.Name), Cure: "add the property 'format': json, regex, ltsv or logfmt"}
	}
	if _, twice := b.p.parsers[s.Name]; twice {
		return nil, &option.Error{Pos: s.Pos, Msg: fmt.Sprintf("parser '%s' is defined twice", s.Name), Cure: "rename one of them"}
	}
	format := s.Props[f].Value
	i := slices.IndexFunc(b.specs.Parsers, func(sp plugin.Spec[plugin.Parser]) bool { return strings.EqualFold(sp.Name, format.Text) })
	if i < 0 {
		return nil, &option.Error{Pos: format.Pos, Msg: fmt.Sprintf("parser '%s': unknown format '%s'", s.Name, format.Text), Cure: "use json, regex, ltsv or logfmt"}
	}
	spec := b.specs.Parsers[i]
	cfg := spec.Config()
	opts := append(cfg.Options(), option.String("format", new(string)))
	s.Props = b.known(opts, s)
	if err := option.Decode(opts, s.Props, s.Pos); err != nil {
		return nil, err
	}
	inst := instance{name: s.Name, log: logger.New(b.set.Sink, "parser:"+s.Name, logger.Options{Level: b.set.Level})}
	parser, err := cfg.New(b.env(&inst, s.Props))
	if err != nil {
		return nil, at(s.Pos, "parser "+s.Name, err)
	}
	return parser, nil
}

func (b *builder) multilineParser(s config.Section) {
	def := multiline.Definition{Name: s.Name, Pos: s.Pos, Props: b.known(multiline.Options(), s)}
	for _, g := range s.Groups {
		def.Rules = append(def.Rules, multiline.Definition{Pos: g.Pos, Props: g.Props})
	}
	p, err := multiline.Define(def, func(name string) (plugin.Parser, bool) {
		x, ok := b.p.parsers[name]
		return x, ok
	})
	if err != nil {
		b.fail(err)
		p, _ = multiline.Define(multiline.Definition{Name: s.Name, Props: anyMultiline}, nil) // as with a wrong parser
	}
	if !b.p.multilines.Add(p) {
		b.warn(s.Pos, "rename this one", "multiline parser '%s' has no effect: another one of that name, built in or defined before, is used", s.Name)
	}
}

// anyMultiline are the properties of a multiline parser that takes the place of a wrong one.
var anyMultiline = []option.Property{
	{Key: "type", Value: option.Value{Text: "equal"}}, {Key: "match_string", Value: option.Value{Text: "x"}},
}

// known are the properties of a parser's section that opts take, of each the first. The others are warned about: the
// C agent passes over them, so there are files that have such.
func (b *builder) known(opts []option.Option, s config.Section) (first []option.Property) {
	known, faults := option.Known(opts, s.Props)
	for _, f := range faults {
		f.Msg += " of the parser '" + s.Name + "'"
		b.p.Warnings = append(b.p.Warnings, f)
	}
	for _, p := range known {
		if again := option.CheckOnce(opts, append(first, p)); again != nil {
			b.warnOf(again)
			continue
		}
		first = append(first, p)
	}
	return first
}
