package cmd

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// sleepy is an input's configuration for these tests.
type sleepy struct {
	naps int
	bed  string
}

func (c *sleepy) Options() []option.Option {
	return []option.Option{
		option.Int("naps", &c.naps).Default("2").Help("How often to nap."),
		option.String("bed", &c.bed).Help("Where."),
		option.Switch("tls", new(bool)).Help("Under a cover."),
		option.Switch("net.keepalive", new(bool)).Help("Between naps."),
	}
}

func (c *sleepy) New(plugin.Env) (plugin.Input, error) { return nil, nil }

func sleepySet() plugin.Set {
	return plugin.Set{Inputs: []plugin.Spec[plugin.Input]{{
		Name: "sleepy", Summary: "Naps", Kinds: event.Logs,
		Config: func() plugin.Config[plugin.Input] { return &sleepy{} },
	}}}
}

func sharedOptions(kind string) []option.Option {
	if kind != "input" {
		return nil
	}
	var tag string
	return []option.Option{option.String("tag", &tag).Help("The records' tag.")}
}

func TestPluginHelpShowsOwnAndSharedOptions(t *testing.T) {
	d, ok := find(describe(sleepySet(), sharedOptions), pluginName{"input", "Sleepy"})
	if !ok {
		t.Fatal("the plugin was not found")
	}
	var b strings.Builder
	if err := writePluginHelp(&b, d); err != nil {
		t.Fatal(err)
	}
	want := `(?s)^HELP\nsleepy input plugin\n\nDESCRIPTION\nNaps\n\nOPTIONS\nnaps +How often to nap\..*default: 2.*\nbed +Where\..*\nNETWORKING\nnet\.keepalive .*\nNETWORK_TLS\ntls .*\nGLOBAL_OPTIONS\ntag +The records' tag\.`
	if !regexp.MustCompile(want).MatchString(b.String()) {
		t.Errorf("printed\n%s", b.String())
	}
}

func TestPluginsAreFoundByKindAndName(t *testing.T) {
	all := describe(sleepySet(), sharedOptions)
	for _, of := range []pluginName{{"output", "sleepy"}, {"input", "sleep"}, {}} {
		if _, ok := find(all, of); ok {
			t.Errorf("found %v", of)
		}
	}
}

func TestSchemaHasFluentBitsShape(t *testing.T) {
	var b strings.Builder
	if err := writeSchema(&b, describe(sleepySet(), sharedOptions)); err != nil {
		t.Fatal(err)
	}
	var got struct {
		FluentBit struct{ Version string } `json:"fluent-bit"`
		Inputs    []struct {
			Type, Name, Description string
			Properties              struct {
				Options []struct {
					Name, Description, Type string
					Default                 *string
				}
				Networking []struct{ Name string }
				TLS        []struct{ Name string } `json:"network_tls"`
				Global     []struct{ Name string } `json:"global_options"`
			}
		}
		Customs, Processors, Filters, Outputs []any
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.FluentBit.Version != version || len(got.Inputs) != 1 {
		t.Fatalf("printed %s", b.String())
	}
	in := got.Inputs[0]
	if in.Type != "input" || in.Name != "sleepy" || in.Description != "Naps" || len(in.Properties.Options) != 2 ||
		len(in.Properties.Networking) != 1 || len(in.Properties.TLS) != 1 || len(in.Properties.Global) != 1 {
		t.Errorf("the input is %+v", in)
	}
	naps, bed := in.Properties.Options[0], in.Properties.Options[1]
	if naps.Type != "integer" || naps.Default == nil || *naps.Default != "2" || bed.Default != nil {
		t.Errorf("the options are %+v", in.Properties.Options)
	}
	if got.Customs == nil || got.Processors == nil || got.Filters == nil || got.Outputs == nil {
		t.Errorf("a kind without plugins is no empty list: %s", b.String())
	}
}

func TestPluginSchemaIsOneObject(t *testing.T) {
	d, _ := find(describe(sleepySet(), sharedOptions), pluginName{"input", "sleepy"})
	var b strings.Builder
	if err := writePluginSchema(&b, d); err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"input","name":"sleepy","description":"Naps","properties":{`; !strings.HasPrefix(b.String(), want) {
		t.Errorf("printed %s", b.String())
	}
}
