package multiline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// words is a parser of "NAME TEXT" for lines whose name is in capitals.
type words struct{}

func (words) Parse(dst, line []byte) ([]byte, event.Time, error) {
	name, text, ok := strings.Cut(string(line), " ")
	if !ok || strings.ToUpper(name) != name {
		return dst, event.Time{}, errNone
	}
	dst = event.AppendStr(event.AppendStr(event.AppendMap(dst, 2), "name"), name)
	return event.AppendStr(event.AppendStr(dst, "text"), text), event.Time{Sec: 5}, nil
}

var errNone = &option.Error{Msg: "not of this kind"}

// properties makes properties of lines "KEY VALUE", on line 2, 3, … of "p.conf".
func properties(lines ...string) (props []option.Property) {
	for i, l := range lines {
		key, value, _ := strings.Cut(l, " ")
		at := option.Pos{File: "p.conf", Line: i + 2, Col: 5}
		props = append(props, option.Property{Key: key, Pos: at, Value: option.Value{Text: value, Pos: at}})
	}
	return props
}

func define(lines ...string) (*Parser, error) {
	def := Definition{Name: "mine", Pos: option.Pos{File: "p.conf", Line: 1, Col: 1}}
	for _, l := range lines {
		if rule, ok := strings.CutPrefix(l, "- "); ok {
			at := option.Pos{File: "p.conf", Line: 9, Col: 7}
			def.Rules = append(def.Rules, Definition{Pos: at, Props: properties(strings.Split(rule, "; ")...)})
			continue
		}
		def.Props = append(def.Props, properties(l)...)
	}
	for i := range def.Props {
		def.Props[i].Pos.Line, def.Props[i].Value.Pos.Line = i+2, i+2
	}
	return Define(def, func(name string) (plugin.Parser, bool) { return words{}, name == "words" })
}

func TestParsersAreDefinedByTheirKeys(t *testing.T) {
	check := func(def []string, text string, want ...string) {
		t.Helper()
		p, err := define(def...)
		if err != nil {
			t.Error(err)
			return
		}
		s := NewSet(0)
		s.Add(p)
		if got := joins(t, s, text, "Mine"); !slices.Equal(got, want) {
			t.Errorf("%q:\ngot  %q\nwant %q", def, got, want)
		}
	}
	check([]string{"type EndsWith", "match_string ;"}, "a\nb;\nc", "a\nb;\n", "c\n")
	check([]string{"type eq", "match_string end", "negate on"}, "end\nend\na\nb", "end\nend\na\n", "b\n")
	check([]string{"type equal", "match_string B", "parser words", "key_content text", "key_pattern name"}, "A x\nB y\nB z\nnone\nA v", "xy", "z", "text none", "v")
	check([]string{"type equal", "match_string x", "parser words", "key_content text", "key_group name"}, "A 1\nB 2\nA x\nB x", "1x", "2x")
	check([]string{"type regex", `rule "start_state" "/^a/" "in"`, `rule "in, deep" "/^ \"/" "deep"`}, "a\n \"x\n \"y\nb", "a\n \"x\n \"y\n", "b\n")
	check([]string{"type regex", `rule start_state ^a`}, "a\na\n b", "a\n", "a\n", " b\n")
	check([]string{"type regex", "- state start_state; regex /^A/i; next_state in", "- state in; regex ^\\s; next_state in"}, "a\n b\nA\nb", "a\n b\n", "A\n", "b\n")
}

func TestHowLongARecordWaits(t *testing.T) {
	check := func(timeout string, want time.Duration) {
		t.Helper()
		p, err := define("type endswith", "match_string ;", "flush_timeout "+timeout)
		if err != nil || p.Wait != want {
			t.Error(err, p)
		}
	}
	check("250", 250*time.Millisecond)
	check("250ms", 250*time.Millisecond)
	check("3s", 3*time.Second)
	check("0", 4*time.Second)
	check("-1", 4*time.Second)
}

func TestFaultsOfDefinitionsNameTheirPlace(t *testing.T) {
	check := func(want string, def ...string) {
		t.Helper()
		if _, err := define(def...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	check("p.conf:1:1: the property 'type' is missing", "match_string x")
	check("p.conf:2:5: type: 'regexp' is none of 'regex', 'endswith', 'equal', 'eq'; did you mean 'regex'?", "type regexp")
	check("p.conf:3:5: unknown configuration property 'match_sting'; did you mean 'match_string'?", "type equal", "match_sting x")
	check("p.conf:1:1: multiline parser mine: match_string is missing", "type equal")
	check("p.conf:4:5: flush_timeout: 'soon' is no time", "type equal", "match_string x", "flush_timeout soon")
	check("p.conf:4:5: multiline parser mine: a rule has no effect with the type equal", "type equal", "match_string x", `rule "start_state" "x" "start_state"`)
	check("p.conf:1:1: multiline parser mine: there is no rule", "type regex")
	check("p.conf:3:5: multiline parser mine: the first rule does not begin in start_state", "type regex", `rule "cont" "x" "cont"`)
	check("p.conf:3:5: multiline parser mine: no rule counts in the state 'cotn'; did you mean 'cont'?", "type regex", `rule "start_state" "x" "cotn"`, `rule "cont" "x" "cont"`)
	check("p.conf:3:5: multiline parser mine: '\"start_state\"' is not STATES REGEX NEXT_STATE", "type regex", `rule "start_state"`)
	check("p.conf:3:5: multiline parser mine: ", "type regex", `rule "start_state" "(" "cont"`)
	check("p.conf:9:7: the property 'next_state' is missing", "type regex", "- state start_state; regex x")
	check("p.conf:4:5: multiline parser mine: there is no parser 'wrods'", "type equal", "match_string x", "parser wrods", "key_content text")
}

func TestAParserNeedsTheKeyOfItsText(t *testing.T) {
	p, err := define("type equal", "match_string x", "parser words")
	if err != nil {
		t.Fatal(err)
	}
	s := NewSet(0)
	s.Add(p)
	if _, err := s.Use(plugin.Joining{Parsers: []string{"mine"}}); err == nil || !strings.Contains(err.Error(), "has a parser but no key_content") {
		t.Error(err)
	}
	if s.Add(p) {
		t.Error("the same name twice")
	}
}
