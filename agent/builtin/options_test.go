package builtin

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

//go:embed testdata/options.json
var optionsJSON []byte

// fluentBit are the options of the C Fluent Bit: kind, plugin, option in its own spelling, type and default.
type fluentBit map[string]map[string]map[string][2]*string

func readFluentBit(t *testing.T) fluentBit {
	t.Helper()
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(optionsJSON, &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "about")
	all := fluentBit{}
	for kind, text := range raw {
		var plugins map[string]map[string][2]*string
		if err := json.Unmarshal(text, &plugins); err != nil {
			t.Fatal(kind, ": ", err)
		}
		all[kind] = plugins
	}
	return all
}

//go:embed testdata/shared.json
var sharedJSON []byte

// sharedOptions are the blocks that the C Fluent Bit lists apart from the plugins that have them: net.* and
// tls.* by kind.
func sharedOptions(t *testing.T) fluentBitOptions {
	t.Helper()
	var all fluentBitOptions
	if err := json.Unmarshal(sharedJSON, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

type fluentBitOptions = map[string]map[string][2]*string

// different names what is meant to differ from the C Fluent Bit, by kind/plugin.option. An option that it
// lacks stands here too.
var different = map[string]string{
	"filter/wasm.event_format":     "the C agent does not say its default",
	"input/http.wait_for_delivery": "the C agent answers before it has stored anything",
	"input/stdin.buffer_size":      "the C agent does not say its default",
}

// built is a plugin of the list, without its kind's type.
type built struct {
	kind, name, summary string
	options             []option.Option
}

func plugins() []built {
	set := Plugins()
	var all []built
	all = append(all, builtOf("input", set.Inputs)...)
	all = append(all, builtOf("filter", set.Filters)...)
	all = append(all, builtOf("processor", set.Processors)...)
	all = append(all, builtOf("output", set.Outputs)...)
	return append(all, builtOf("custom", set.Customs)...)
}

func builtOf[P any](kind string, specs []plugin.Spec[P]) []built {
	var all []built
	for _, s := range specs {
		all = append(all, built{kind, s.Name, s.Summary, s.Config().Options()})
	}
	return all
}

func TestOptionsAreThoseOfFluentBit(t *testing.T) {
	theirs := readFluentBit(t)
	shared := sharedOptions(t)
	for _, p := range plugins() {
		id := p.kind + "/" + p.name
		want, known := theirs[p.kind][p.name]
		if !known {
			t.Errorf("%s: Fluent Bit has no such plugin", id)
			continue
		}
		ours := map[string]option.Option{}
		for _, o := range p.options {
			ours[strings.ToLower(o.Name)] = o
		}
		for name, typeAndDefault := range want {
			name = strings.ToLower(name)
			o, ok := ours[name]
			delete(ours, name)
			if different[id+"."+name] != "" {
				continue
			}
			if !ok {
				t.Errorf("%s lacks the option %s", id, name)
				continue
			}
			compareOption(t, id, o, *typeAndDefault[0], typeAndDefault[1])
		}
		for name, o := range ours {
			of, ok := shared[p.kind][name]
			if !ok && p.kind == "input" {
				of, ok = shared["output"][name] // it is a client
			}
			if ok {
				compareOption(t, id, o, *of[0], of[1])
				continue
			}
			if different[id+"."+name] == "" && !strings.HasPrefix(id+"."+name, "input/http.oauth2.") { // it has, but does not list them
				t.Errorf("%s: Fluent Bit has no option %s", id, name)
			}
		}
	}
}

func compareOption(t *testing.T, id string, o option.Option, typ string, fallback *string) {
	t.Helper()
	if ours := option.Schema([]option.Option{o})[0].Type; ours != typ {
		t.Errorf("%s.%s is a %s, in Fluent Bit a %s", id, o.Name, ours, typ)
	}
	want := ""
	if fallback != nil {
		want = *fallback
	}
	if !sameDefault(typ, o.Fallback, want) {
		t.Errorf("%s.%s defaults to %q, in Fluent Bit to %q", id, o.Name, o.Fallback, want)
	}
}

// sameDefault compares what two defaults mean: 8k and 8000 are one size, off and false one switch.
func sameDefault(typ, ours, theirs string) bool {
	if ours == theirs {
		return true
	}
	switch typ {
	case "boolean":
		a, errA := option.ParseBool(ours)
		b, errB := option.ParseBool(theirs)
		return errA == nil && errB == nil && a == b
	case "size":
		a, errA := option.ParseSize(ours)
		b, errB := option.ParseSize(theirs)
		return errA == nil && errB == nil && a == b
	case "time":
		a, errA := option.ParseDuration(ours)
		b, errB := option.ParseDuration(theirs)
		return errA == nil && errB == nil && a == b
	}
	return false
}

func TestEveryOptionAndPluginIsExplained(t *testing.T) {
	for _, p := range plugins() {
		if p.summary == "" {
			t.Errorf("%s %s has no summary", p.kind, p.name)
		}
		for _, o := range p.options {
			if o.About == "" {
				t.Errorf("%s %s: the option %s has no help", p.kind, p.name, o.Name)
			}
		}
	}
}

func TestEveryPluginHasOnePlaceInTheList(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range plugins() {
		id := p.kind + "/" + p.name
		if seen[id] {
			t.Errorf("%s is listed twice", id)
		}
		seen[id] = true
		if !Known(p.kind, p.name) {
			t.Errorf("%s is not among the known names", id)
		}
	}
}

func TestKnownPluginsAreThoseOfFluentBit(t *testing.T) {
	for kind, plugins := range readFluentBit(t) {
		for name := range plugins {
			if !Known(kind, strings.ToUpper(name)) {
				t.Errorf("the %s %s is not known", kind, name)
			}
		}
	}
	if Known("input", "tial") || Known("filter", "tail") || Known("", "tail") {
		t.Error("a name that Fluent Bit does not have is known")
	}
}

func TestDefaultsAreAccepted(t *testing.T) {
	for _, p := range plugins() {
		if err := option.Decode(p.options, nil, option.Pos{}); err != nil && !strings.Contains(err.Error(), "is missing") {
			t.Errorf("%s %s: %v", p.kind, p.name, err)
		}
	}
}
