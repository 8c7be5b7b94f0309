package expect

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestRulesHoldOrAreBroken(t *testing.T) {
	f := func(rule, body string, want bool) {
		t.Helper()
		out := filtertest.Run(t, Plugin, filtertest.Properties(rule, "action result_key"), body)
		if got := strings.HasPrefix(out, `{"matched":true`); got != want {
			t.Errorf("%s on %s: %s", rule, body, out)
		}
	}
	f("key_exists a", `{"a":null}`, true)
	f("key_exists a", `{"b":1}`, false)
	f("key_exists $a['b'][0]", `{"a":{"b":[1]}}`, true)
	f("key_not_exists a", `{"b":1}`, true)
	f("key_not_exists a", `{"a":null}`, false)
	f("key_val_is_null a", `{"a":null}`, true)
	f("key_val_is_null a", `{"a":1}`, false)
	f("key_val_is_null a", `{}`, false)
	f("key_val_is_not_null a", `{"a":1}`, true)
	f("key_val_is_not_null a", `{"a":null}`, false)
	f("key_val_is_not_null a", `{}`, false)
	f("key_val_eq a 1", `{"a":"1"}`, true)
	f("key_val_eq a 1", `{"a":"2"}`, false)
	f("key_val_eq a 1", `{"a":1}`, true)
	f("key_val_eq a 1", `{"a":2}`, false)
	f("key_val_eq a 2.5", `{"a":2.5}`, true)
	f("key_val_eq a x", `{"a":2.5}`, false)
	f("key_val_eq a true", `{"a":true}`, true)
	f("key_val_eq a 1", `{"a":[1]}`, false)
	f("key_val_eq a 1", `{}`, false)
	f("key_val_eq a one two", `{"a":"one two"}`, true)
}

func TestTheResultHasAName(t *testing.T) {
	got := filtertest.Run(t, Plugin, filtertest.Properties("key_exists a", "key_exists b", "action result_key", "result_key ok"), `{"a":1,"b":2}`, `{"a":1}`)
	if want := `{"ok":true,"a":1,"b":2}` + "\n" + `{"ok":false,"a":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// check filters two records, of which the first breaks rule 2, and returns the log and the exit code.
func check(t *testing.T, conf ...string) (log string, code int) {
	t.Helper()
	var text bytes.Buffer
	spec := filtertest.With(Plugin, func(env *plugin.Env) {
		env.Log = slog.New(slog.NewTextHandler(&text, nil))
		env.Stop = func(c int) { code = c }
	})
	f, err := filtertest.Build(spec, filtertest.Properties(append(conf, "key_exists a", "key_val_eq a 1")...))
	if err != nil {
		t.Fatal(err)
	}
	b := filtertest.Batch(t, `{"a":"2"}`, `{"a":"1"}`)
	if err := f.Filter(context.Background(), b); err != nil || b.Len() != 2 {
		t.Fatal(err, b.Len())
	}
	return text.String(), code
}

func TestABrokenRuleIsLoggedAndMayEndTheAgent(t *testing.T) {
	const want = `exception on rule #1 'key_val_eq', key 'a' is not '1'; the record is {`
	log, code := check(t)
	if !strings.Contains(log, want) || !strings.Contains(log, "level=WARN") || strings.Count(log, "\n") != 1 || code != 0 {
		t.Errorf("warn: %s, code %d", log, code)
	}
	log, code = check(t, "action exit")
	if !strings.Contains(log, want) || !strings.Contains(log, "level=ERROR") || code != 255 {
		t.Errorf("exit: %s, code %d", log, code)
	}
}

func TestTheLogSaysWhatBrokeTheRule(t *testing.T) {
	f := func(rule, record, want string) {
		t.Helper()
		var text bytes.Buffer
		spec := filtertest.With(Plugin, func(env *plugin.Env) { env.Log = slog.New(slog.NewTextHandler(&text, nil)) })
		expect, err := filtertest.Build(spec, filtertest.Properties(rule))
		if err != nil {
			t.Fatal(err)
		}
		if err := expect.Filter(context.Background(), filtertest.Batch(t, record)); err != nil || !strings.Contains(text.String(), want) {
			t.Errorf("%s: %v, log %s", rule, err, &text)
		}
	}
	f("key_exists $a['b']", `{"a":1}`, "exception on rule #0 'key_exists', key '$a['b']' not found; the record is {")
	f("key_not_exists a", `{"a":1}`, "rule #0 'key_not_exists', key 'a' exists;")
	f("key_val_is_null a", `{"a":1}`, "'key_val_is_null', key 'a' is not null;")
	f("key_val_is_null a", `{}`, "key 'a' not found")
	f("key_val_is_not_null a", `{"a":null}`, "'key_val_is_not_null', key 'a' is null;")
	f("key_val_eq a 1", `{}`, "'key_val_eq', key 'a' not found;")
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("key_val_eq a", "test.conf:1:12: key_val_eq: 'a' has no value; write a key")
	f("key_exists $a[", "brackets hold")
	f("action die", "'die'")
}

func TestCheckingCostsNoAllocation(t *testing.T) {
	for _, extra := range []string{"action warn", "action result_key"} {
		props := filtertest.Properties("key_exists a", "key_val_eq $b['c'] x", extra)
		if n := filtertest.Allocs(t, Plugin, props, `{"a":1,"b":{"c":"x"}}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", extra, n)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	filtertest.Bench(b, Plugin, "key_exists level", "key_val_eq level info", "key_not_exists error")
}
