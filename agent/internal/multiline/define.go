package multiline

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Definition is a multiline parser as a configuration writes it.
type Definition struct {
	Name  string
	Pos   option.Pos
	Props []option.Property
	Rules []Definition // of YAML: maps of state, regex and next_state
}

// definition collects what a Definition says.
type definition struct {
	name, parser string
	pos          option.Pos
	kind         string
	match        *string
	wait         time.Duration
	parts        Parser
	at           []option.Pos // of the rules
}

// Options are the properties of a Definition.
func Options() []option.Option { return new(definition).options() }

func (d *definition) options() []option.Option {
	rules := option.Ordered("space delimited strings (minimum 3)", d.addRule, "rule")
	return []option.Option{
		option.Enum("type", &d.kind, "regex", "endswith", "equal", "eq").Required().
			Help("How lines are joined: regex by rules, endswith until a line ends with match_string, equal until one is match_string."),
		option.Var("match_string", "string", &d.match, func(s string) (*string, error) { return &s, nil }).
			Help("What ends a record, for the types endswith and equal."),
		option.Switch("negate", &d.parts.Negate).Default("off").
			Help("A record ends with the line that does not fit match_string."),
		option.String("parser", &d.parser).
			Help("Name of the parser that makes a map of each line first."),
		option.String("key_content", &d.parts.Content).
			Help("Key of the text."),
		option.String("key_pattern", &d.parts.Pattern).
			Help("Key of what match_string is compared with instead of the text."),
		option.String("key_group", &d.parts.Group).
			Help("Key whose values tell streams apart that share the lines."),
		option.Var("flush_timeout", "integer", &d.wait, parseWait).Default("4000").
			Help("How long a record waits for its next line, in milliseconds, or with s behind it in seconds."),
		rules[0].Help("STATES REGEX NEXT_STATE, each in double quotes: a line that matches in one of the states is taken and leads to the next; the first rule begins in start_state."),
	}
}

// Define builds the parser that def describes. parser finds those for single lines.
func Define(def Definition, parser func(name string) (plugin.Parser, bool)) (*Parser, error) {
	d := &definition{name: def.Name, pos: def.Pos}
	if err := option.Decode(d.options(), def.Props, def.Pos); err != nil {
		return nil, err
	}
	var errs []error
	for _, r := range def.Rules {
		errs = append(errs, d.mapRule(r))
	}
	p := &d.parts
	p.Name, p.Wait = d.name, d.wait
	if d.wait <= 0 {
		p.Wait = wait
	}
	if d.kind == "regex" {
		errs = append(errs, d.checkRules())
	} else {
		errs = append(errs, d.checkMatch())
	}
	if d.parser != "" {
		pre, ok := parser(d.parser)
		if !ok {
			v, _ := option.Lookup(def.Props, "parser")
			errs = append(errs, d.fault(v.Pos, "define it, or name the file that does with parsers_file", "there is no parser '%s'", d.parser))
		}
		p.Pre = parsedBy(pre)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return p.link(), nil
}

// parseWait reads milliseconds, or a time with its unit.
func parseWait(s string) (time.Duration, error) {
	if ms, err := option.ParseInt(strings.TrimSuffix(s, "ms")); err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	t, err := option.ParseDuration(s)
	if err != nil {
		return 0, errors.New("is no time: a number of milliseconds, or one with s or m")
	}
	return t, nil
}

func parsedBy(p plugin.Parser) func(dst, line []byte) ([]byte, event.Time, bool) {
	return func(dst, line []byte) ([]byte, event.Time, bool) {
		body, t, err := p.Parse(dst, line)
		return body, t, err == nil
	}
}

func (d *definition) fault(pos option.Pos, cure, format string, args ...any) error {
	return &option.Error{Pos: pos, Msg: "multiline parser " + d.name + ": " + fmt.Sprintf(format, args...), Cure: cure}
}

func (d *definition) checkMatch() error {
	p := &d.parts
	p.Kind = EndsWith
	if d.kind != "endswith" {
		p.Kind = Equal
	}
	if d.match == nil {
		return d.fault(d.pos, "add what the last line of a record "+map[Kind]string{EndsWith: "ends with", Equal: "is"}[p.Kind], "match_string is missing")
	}
	p.Match = *d.match
	if len(p.Rules) > 0 {
		return d.fault(d.at[0], "remove it, or set type to regex", "a rule has no effect with the type %s", d.kind)
	}
	return nil
}

// addRule takes a rule of a classic file.
func (d *definition) addRule(_ string, v option.Value) error {
	words, err := option.ParseWords(v.Text, 0)
	if err == nil && len(words) == 2 {
		words = append(words, "") // no line follows
	}
	if err != nil || len(words) != 3 {
		return d.fault(v.Pos, `write: rule "start_state" "/^first line/" "next_state"`, "'%s' is not STATES REGEX NEXT_STATE", v.Text)
	}
	return d.add(v.Pos, v.Pos, words[0], words[1], words[2])
}

// mapRule takes a rule of a YAML file.
func (d *definition) mapRule(def Definition) error {
	var states, pattern, to string
	err := option.Decode([]option.Option{
		option.String("state", &states).Required().Help("the states in which the rule counts, separated by commas; start_state is the one before the first line"),
		option.String("regex", &pattern).Required().Help("the expression that a line has to match"),
		option.String("next_state", &to).Required().Help("the state after the line"),
	}, def.Props, def.Pos)
	if err != nil {
		return err
	}
	at, _ := option.Lookup(def.Props, "regex")
	return d.add(def.Pos, at.Pos, states, pattern, to)
}

func (d *definition) add(pos, at option.Pos, states, pattern, to string) error {
	re, err := regex.Compile(pattern)
	if err != nil {
		return d.fault(at, "correct the regular expression", "%v", err)
	}
	d.parts.Rules = append(d.parts.Rules, Rule{From: option.ParseCSV(states), Regex: re, To: strings.TrimSpace(to)})
	d.at = append(d.at, pos)
	return nil
}

// checkRules makes sure that every rule leads somewhere.
func (d *definition) checkRules() error {
	p := &d.parts
	if len(p.Rules) == 0 {
		return d.fault(d.pos, `add: rule "start_state" "/^first line/" "next_state"`, "there is no rule")
	}
	var errs []error
	if !p.Rules[0].starts() {
		errs = append(errs, d.fault(d.at[0], "put the one that takes the first line of a record first", "the first rule does not begin in %s", Start))
	}
	from := map[string]bool{}
	var states []string
	for _, r := range p.Rules {
		for _, s := range r.From {
			from[s] = true
			states = append(states, s)
		}
	}
	for i, r := range p.Rules {
		if r.To == "" || from[r.To] {
			continue
		}
		cure := option.Suggest(r.To, states)
		if cure == "" {
			cure = "add a rule for it, or name one of " + strings.Join(states, ", ")
		}
		errs = append(errs, d.fault(d.at[i], cure, "no rule counts in the state '%s'", r.To))
	}
	return errors.Join(errs...)
}
