package builtin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// conforming configures each filter and processor so that it has something to do with the records of
// package plugintest.
var conforming = map[string][]string{
	"alter_size":             {"add 1"},
	"checklist":              {"lookup_key log", "record hit yes", "file LIST"},
	"content_modifier":       {"action upsert", "key log", "value new"},
	"cumulative_to_delta":    nil,
	"expect":                 {"key_exists log", "action warn"},
	"kubernetes":             {"kube_url http://127.0.0.1:1", "kube_tag_prefix t", "merge_log on", "keep_log off", "dns_retries 1", "dns_wait_time 1"},
	"grep":                   {"exclude log ^one|two$"},
	"labels":                 {"upsert color blue"},
	"log_to_metrics":         {"metric_mode counter", "metric_name n", "metric_description d", "tag m"},
	"lua":                    {"call f", "code function f(tag, ts, rec) rec.seen = 1 return 2, ts, rec end"},
	"metrics_selector":       {"metric_name /x/", "action include"},
	"modify":                 {"Copy log copied", "Remove_wildcard mess"},
	"multiline":              {"multiline.parser go", "multiline.key_content log", "buffer off"},
	"nest":                   {"operation nest", "wildcard l*", "nest_under all"},
	"opentelemetry_envelope": nil,
	"parser":                 {"key_name log", "parser text", "reserve_data on"},
	"record_modifier":        {"record host h", "remove_key message"},
	"rewrite_tag":            {"rule $log ^(one|two) got.$1 true"},
	"sampling":               {"type probabilistic"},
	"sql":                    {"query SELECT log AS text, message FROM STREAM WHERE NOT @record.contains(d)"},
	"stdout":                 nil,
	"sysinfo":                {"hostname_key h"},
	"throttle":               {"rate 1000", "window 2"},
	"type_converter":         {"str_key log number float"},
}

// elsewhere are filters that need something around them, and call [filtertest.Conform] in their own folders.
var elsewhere = map[string]string{
	"aws":    "asks a metadata service",
	"ecs":    "asks a container agent",
	"geoip2": "needs a database",
	"wasm":   "needs a module",
}

// filters are all filters and processors.
func filters() []plugin.Spec[plugin.Filter] {
	all := Plugins()
	return append(slices.Clone(all.Filters), all.Processors...)
}

// conform lends spec what the host of package plugintest has not, and configures it.
func conform(t *testing.T, spec plugin.Spec[plugin.Filter]) (plugin.Spec[plugin.Filter], []string) {
	t.Helper()
	t.Setenv("NODE_NAME", "") // kubernetes would watch its pods
	lines, known := conforming[spec.Name]
	if !known {
		t.Fatal("this filter is not checked: give it a line in the map conforming")
	}
	if spec.Name == "stdout" { // it prints odd things
		silent(t)
	}
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("one\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "LIST", list)
	}
	return filtertest.With(spec, lendAll), lines
}

// textParser puts a line under the key text.
type textParser struct{}

func (textParser) Parse(dst, line []byte) ([]byte, event.Time, error) {
	return event.AppendStr(event.AppendStr(event.AppendMap(dst, 1), "text"), line), event.Time{}, nil
}

func TestFiltersConform(t *testing.T) {
	for _, spec := range filters() {
		t.Run(spec.Name, func(t *testing.T) {
			if why := elsewhere[spec.Name]; why != "" {
				conformsElsewhere(t, spec.Name, why)
				return
			}
			spec, lines := conform(t, spec)
			filtertest.Conform(t, spec, lines...)
		})
	}
}

// conformsElsewhere fails unless the tests in the filter's own folder call the check.
func conformsElsewhere(t *testing.T, name, why string) {
	t.Helper()
	files, err := filepath.Glob("../filters/" + name + "/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "filtertest.Conform(t, Plugin") {
			return
		}
	}
	t.Errorf("it %s, but no test in its folder calls filtertest.Conform", why)
}
