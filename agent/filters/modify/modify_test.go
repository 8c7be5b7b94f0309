package modify

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
)

func run(t *testing.T, conf, in, want string) {
	t.Helper()
	got := filtertest.Run(t, Plugin, filtertest.Properties(strings.Split(conf, "\n")...), strings.Split(in, "\n")...)
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
	}
}

func TestRulesRunInTheirOrder(t *testing.T) {
	run(t, "Set s new\nAdd a new\nAdd b new\nRemove rm\nRemove_wildcard wild_\nRemove_regex ^re[0-9]+$\nRename old1 fresh1\nRename old2 taken\n"+
		"Hard_rename old3 taken3\nCopy src dup\nHard_copy src taken4",
		`{"s":"was","a":"was","rm":1,"wild_a":1,"wild":3,"re12":1,"rex":2,"old1":1,"old2":2,"taken":"t","old3":3,"taken3":"t3","src":"s","taken4":"t4"}`+"\n{}",
		`{"a":"was","wild":3,"rex":2,"fresh1":1,"old2":2,"taken":"t","taken3":3,"src":"s","taken4":"s","dup":"s","s":"new","b":"new"}`+"\n"+
			`{"s":"new","a":"new","b":"new"}`)
	run(t, "Rename a b\nSet b x\nRemove b\nAdd c y", `{"a":1}`, `{"c":"y"}`)
	run(t, "Move_to_start z\nMove_to_end a*", `{"a1":1,"m":2,"z1":3,"a2":4,"z2":5}`, `{"z1":3,"z2":5,"m":2,"a1":1,"a2":4}`)
	run(t, `Set "a key" "a \"value\""`, `{"x":1}`, `{"x":1,"a key":"a \"value\""}`)
	run(t, "Set a x", `{"a":1,"b":2}`, `{"b":2,"a":"x"}`)
	run(t, "Hard_rename a a\nHard_copy a a\nCopy a a\nRename a a", `{"a":1}`, `{"a":1}`)
	run(t, "Remove_wildcard w*", `{"wa":1,"b":{"wc":1}}`, `{"b":{"wc":1}}`)
	run(t, "Remove a", `{"a":1}`, `{}`)
}

func TestConditionsGuardTheRules(t *testing.T) {
	f := func(condition, body string, want bool) {
		t.Helper()
		out := filtertest.Run(t, Plugin, filtertest.Properties("Condition "+condition, "Add mark x"), body)
		if got := strings.Contains(out, "mark"); got != want {
			t.Errorf("%s on %s: %v", condition, body, got)
		}
	}
	f("Key_exists a", `{"a":1}`, true)
	f("Key_exists a", `{"b":1}`, false)
	f("key_exists $a['b']", `{"a":{"b":null}}`, true)
	f("Key_does_not_exist a", `{"b":1}`, true)
	f("Key_does_not_exist $a['b']", `{"a":{"b":1}}`, false)
	f("A_key_matches ^x_", `{"x_1":1}`, true)
	f("No_key_matches ^x_", `{"x_1":1}`, false)
	f("Key_value_equals a yes", `{"a":"yes"}`, true)
	f("Key_value_equals a 1", `{"a":1}`, false)
	f("Key_value_equals a", `{"a":""}`, true)
	f(`Key_value_equals a "yes sir"`, `{"a":"yes sir"}`, true)
	f("Key_value_does_not_equal a yes", `{"a":"no"}`, true)
	f("Key_value_does_not_equal a yes", `{}`, false)
	f("Key_value_matches a ^y", `{"a":"yes"}`, true)
	f("Key_value_matches a ^true$", `{"a":true}`, true)
	f("Key_value_matches a 1", `{"a":1}`, false)
	f("Key_value_does_not_match a ^y", `{"a":"no"}`, true)
	f("Key_value_does_not_match a ^y", `{}`, false)
	f("Matching_keys_have_matching_values ^x_ ^[0-9]+$", `{"x_1":"12"}`, true)
	f("Matching_keys_have_matching_values ^x_ ^[0-9]+$", `{"x_1":"12","x_2":"ab"}`, false)
	f("Matching_keys_have_matching_values ^x_ ^[0-9]+$", `{}`, true)
	f("Matching_keys_do_not_have_matching_values ^x_ ^[0-9]+$", `{"x_2":"ab"}`, true)
	f("Matching_keys_do_not_have_matching_values ^x_ ^[0-9]+$", `{}`, false)
}

func TestConditionsSeeTheRecordAsItCame(t *testing.T) {
	run(t, "Condition Key_exists a\nCondition Key_does_not_exist b\nRename a b\nAdd c d", `{"a":1}`+"\n"+`{"a":1,"b":2}`, `{"b":1,"c":"d"}`+"\n"+`{"a":1,"b":2}`)
}

func TestFaultyRulesAreExplained(t *testing.T) {
	f := func(conf, want string) {
		t.Helper()
		_, err := filtertest.Build(Plugin, filtertest.Properties(conf))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", conf, err, want)
		}
	}
	f("Set a b c", "test.conf:1:5: set: 'a b c' is not KEY VALUE; put quotes around what holds blanks")
	f("Set a", "is not KEY VALUE")
	f("Remove a b", "is not KEY")
	f("Remove", "is not KEY")
	f(`Set a "b`, "has a quote that is not closed; close it")
	f("Remove_regex (", "regular expression")
	f("Condition Key_exist a", "unknown type 'Key_exist'; did you mean 'Key_exists'?")
	f("Condition Nonsense a", "use one of Key_exists,")
	f("Condition Key_exists", "'Key_exists' is not Key_exists KEY")
	f("Condition Key_value_matches a", "is not Key_value_matches KEY REGEX")
	f("Condition Key_value_matches a [", "has no ']'")
	f("Condition A_key_matches a b", "is not A_key_matches REGEX")
	f("Removes a", "did you mean")
}

func TestBinaryKeysAreKeysToo(t *testing.T) {
	f := func(rule, want string) {
		t.Helper()
		filter, err := filtertest.Build(Plugin, filtertest.Properties(rule))
		if err != nil {
			t.Fatal(err)
		}
		b := filtertest.Batch(t)
		b.Append(event.Time{}, nil, event.Value{0x82, 0xc4, 2, 'a', 'b', 1, 1, 2}) // {binary ab: 1, 1: 2}
		if err := filter.Filter(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(filtertest.Lines(b), "\n"); got != want {
			t.Errorf("%s: got %s, want %s", rule, got, want)
		}
	}
	f("Rename ab c", `{"c":1,"1":2}`)
	f("Remove ab", `{"1":2}`)
	f("Remove_wildcard a", `{"1":2}`)
	f("Set ab x", `{"1":2,"ab":"x"}`)
	f("Remove_wildcard 1", `{"ab":1,"1":2}`)
}

func TestUntouchedRecordsCostNoAllocation(t *testing.T) {
	f := func(conf string) {
		t.Helper()
		props := filtertest.Properties(strings.Split(conf, "\n")...)
		if n := filtertest.Allocs(t, Plugin, props, `{"a":"yes","b":{"c":1},"d":[1,2]}`); n > 0.1 {
			t.Errorf("%s: %v allocations per record", conf, n)
		}
	}
	f("Condition Key_value_matches a ^no\nAdd x y")
	f("Add a y\nRename x y\nRemove z\nRemove_regex ^q\nMove_to_end d\nHard_copy x y")
	f("Set new value\nRename a A\nCopy b e\nRemove d") // not even touched ones
}

func BenchmarkSet(b *testing.B) { filtertest.Bench(b, Plugin, "Set cluster eu-1") }
func BenchmarkRename(b *testing.B) {
	filtertest.Bench(b, Plugin, "Rename msg message", "Remove stream")
}
func BenchmarkUntouched(b *testing.B) { filtertest.Bench(b, Plugin, "Rename no yes", "Remove none") }
func BenchmarkCondition(b *testing.B) {
	filtertest.Bench(b, Plugin, "Condition Key_value_equals level error", "Set alarm yes")
}

func TestWhatIsPassedOverWouldNotHaveChanged(t *testing.T) {
	records := []string{
		`{}`, `{"a":"x"}`, `{"b":"x","a":"1"}`, `{"a":"1","b":2}`, `{"b":1}`, `{"a":"1"}`, `{"a":"1","a":"2"}`, `{"b":1,"c":{"a":1},"b":2}`,
		`{"c":1,"` + strings.Repeat("k", 40) + `":1,"a":"1"}`,
	}
	long := strings.Repeat("k", 40)
	rules := []string{"Set a 1", "Add a 1", "Remove a", "Rename a b", "Hard_rename a b", "Copy a b", "Hard_copy a b", "Hard_rename a a", "Hard_copy b b", "Rename " + long + " b", "Remove_wildcard a"}
	for _, one := range rules {
		for _, two := range rules {
			f, err := filtertest.Build(Plugin, filtertest.Properties(one, two))
			if err != nil {
				t.Fatal(err)
			}
			run := func() string {
				b := filtertest.Batch(t, records...)
				b.Append(event.Time{}, nil, event.Value{0x81, 0xd9, 1, 'a', 1}) // a short key in a long form
				if err := f.Filter(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				return strings.Join(filtertest.Lines(b), "\n")
			}
			fast := run()
			f.(*filter).idle = nil
			if slow := run(); fast != slow {
				t.Errorf("%s, %s:\n%s\nand without passing over\n%s", one, two, fast, slow)
			}
		}
	}
}

func TestMovingManyKeysTakesNoQuadraticTime(t *testing.T) {
	const n = 100_000
	run(t, "Move_to_start a", "{"+strings.Repeat(`"b":1,`, n)+strings.Repeat(`"a":1,`, n)+`"a":2}`, `{"a":2,"b":1}`)
}
