package record_modifier

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
)

func TestKeysAreAppendedAndTakenOut(t *testing.T) {
	f := func(conf, in, want string) {
		t.Helper()
		got := filtertest.Run(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
		}
	}
	f("Record host box1\nRemove_key secret\nRemove_key missing", `{"a":1,"secret":"s","host":"own"}`+"\n"+`{"secret":{"deep":1}}`, `{"a":1,"host":"box1"}`+"\n"+`{"host":"box1"}`)
	f("Record x 1\nRecord y 2\nRecord x 3", `{"a":1}`, `{"a":1,"y":"2","x":"3"}`)
	f(`Record k "a b"`, `{}`, `{"k":"a b"}`)
	f(`Record k a b`, `{}`, `{"k":"a b"}`)
	f(`Record k ""`, `{}`, `{"k":""}`)
	f("Remove_key SEC*", `{"secret":1,"second":2,"a":3,"se":4}`, `{"a":3,"se":4}`)
	f("Allowlist_key A\nwhitelist_key b*", `{"a":1,"bc":2,"c":3}`+"\n"+`{"c":1}`, `{"a":1,"bc":2}`)
	f("Remove_key none", `{"a":1}`+"\n{}", `{"a":1}`+"\n{}")
	f("Remove_key b", `{"a":1,"b":2}`+"\n{}\n"+`{"b":3}`, `{"a":1}`)
	f("Remove_key b\nRecord c d", `{"b":2}`+"\n{}", `{"c":"d"}`+"\n"+`{"c":"d"}`)
}

func TestEveryRecordGetsItsOwnUUID(t *testing.T) {
	f, err := filtertest.Build(Plugin, filtertest.Properties("Uuid_Key id"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for range 200 {
		lines = append(lines, `{"a":1}`)
	}
	b := filtertest.Batch(t, lines...)
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for r := range b.Records() {
		id := string(r.Get("id").Str())
		if !form.MatchString(id) || seen[id] {
			t.Errorf("bad or repeated UUID %q", id)
		}
		seen[id] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d UUIDs", len(seen))
	}
}

func TestFaultyOptionsAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(strings.Split(conf, "\n")...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("Record key", "test.conf:1:8: record: 'key' has no value; write")
	f("Remove_key a\nAllowlist_key b", "test.conf:2:15: remove_key and allowlist_key exclude each other; keep one")
	f("Remove_key", "should be the name of a key")
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	f := func(conf string) {
		t.Helper()
		if n := filtertest.Allocs(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), `{"a":1,"b":2}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", conf, n)
		}
	}
	f("Remove_key none")
	f("Allowlist_key none")
	f("Record x y\nRemove_key a\nUuid_key id")
}

func BenchmarkRecord(b *testing.B)    { filtertest.Bench(b, Plugin, "Record hostname box1") }
func BenchmarkRemoveKey(b *testing.B) { filtertest.Bench(b, Plugin, "Remove_key path") }
func BenchmarkUntouched(b *testing.B) { filtertest.Bench(b, Plugin, "Remove_key none") }
func BenchmarkUUID(b *testing.B)      { filtertest.Bench(b, Plugin, "Uuid_Key id") }
