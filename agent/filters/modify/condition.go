package modify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// condition guards the rules. Which of its fields are set depends on its kind.
type condition struct {
	test  func(*condition, event.Value) bool
	not   bool // the opposite of test …
	needs bool // … but only where the key is there
	at    *accessor.Accessor
	value string
	key   *regex.Regexp
	val   *regex.Regexp
}

// conditionKinds are the types of conditions with what their words are.
var conditionKinds = []struct {
	name       string
	test       func(*condition, event.Value) bool
	not, needs bool
	keyRegex   bool
	second     string // "", "VALUE" or "REGEX"
}{
	{"Key_exists", (*condition).exists, false, false, false, ""},
	{"Key_does_not_exist", (*condition).exists, true, false, false, ""},
	{"A_key_matches", (*condition).keyMatches, false, false, true, ""},
	{"No_key_matches", (*condition).keyMatches, true, false, true, ""},
	{"Key_value_equals", (*condition).equals, false, true, false, "VALUE"},
	{"Key_value_does_not_equal", (*condition).equals, true, true, false, "VALUE"},
	{"Key_value_matches", (*condition).valueMatches, false, true, false, "REGEX"},
	{"Key_value_does_not_match", (*condition).valueMatches, true, true, false, "REGEX"},
	{"Matching_keys_have_matching_values", (*condition).allMatch, false, false, true, "REGEX"},
	{"Matching_keys_do_not_have_matching_values", (*condition).allMatch, true, false, true, "REGEX"},
}

func conditionNames() []string {
	var names []string
	for _, k := range conditionKinds {
		names = append(names, k.name)
	}
	return names
}

func (c *config) addCondition(v option.Value) error {
	parts, err := split("condition", v)
	if err != nil {
		return err
	}
	fault := func(cure, format string, args ...any) error {
		return &option.Error{Pos: v.Pos, Msg: "condition: " + fmt.Sprintf(format, args...), Cure: cure}
	}
	if len(parts) == 0 {
		return fault("write a type and a key: Key_exists log", "there is none")
	}
	i := slices.IndexFunc(conditionNames(), func(n string) bool { return strings.EqualFold(n, parts[0]) })
	if i < 0 {
		cure := option.Suggest(parts[0], conditionNames())
		if cure == "" {
			cure = "use one of " + strings.Join(conditionNames(), ", ")
		}
		return fault(cure, "unknown type '%s'", parts[0])
	}
	kind := conditionKinds[i]
	first := "KEY"
	if kind.keyRegex {
		first = "REGEX"
	}
	most := 2
	if kind.second != "" {
		most = 3
	}
	// A value that is compared may be missing: it is the empty text then.
	if len(parts) > most || len(parts) < most && !(kind.second == "VALUE" && len(parts) == 2) || parts[1] == "" {
		return fault("put quotes around what holds blanks", "'%s' is not %s", v.Text, strings.TrimSpace(kind.name+" "+first+" "+kind.second))
	}
	d := condition{test: kind.test, not: kind.not, needs: kind.needs}
	if kind.keyRegex {
		d.key, err = regex.Compile(parts[1])
	} else {
		d.at, err = accessor.CompileKey(parts[1])
	}
	if err != nil {
		return fault("", "%v", err)
	}
	switch {
	case kind.second == "REGEX":
		if d.val, err = regex.Compile(parts[2]); err != nil {
			return fault("", "%v", err)
		}
	case len(parts) == 3:
		d.value = parts[2]
	}
	for _, re := range []*regex.Regexp{d.key, d.val} {
		if re != nil {
			c.watch.Add(re)
		}
	}
	c.conditions = append(c.conditions, d)
	return nil
}

func (c *condition) holds(body event.Value) bool {
	if c.needs && c.at.Get(body) == nil {
		return false
	}
	return c.test(c, body) != c.not
}

func (c *condition) exists(body event.Value) bool { return c.at.Get(body) != nil }

func (c *condition) keyMatches(body event.Value) bool {
	for k := range body.Pairs() {
		if matches(c.key, k) {
			return true
		}
	}
	return false
}

func (c *condition) equals(body event.Value) bool {
	switch v := c.at.Get(body); v.Type() {
	case event.TypeStr:
		return string(v.Str()) == c.value
	case event.TypeBin:
		return string(v.Bin()) == c.value
	}
	return false
}

func (c *condition) valueMatches(body event.Value) bool { return matches(c.val, c.at.Get(body)) }

// allMatch also holds where no key matches.
func (c *condition) allMatch(body event.Value) bool {
	for k, v := range body.Pairs() {
		if matches(c.key, k) && !matches(c.val, v) {
			return false
		}
	}
	return true
}

var (
	textTrue  = []byte("true")
	textFalse = []byte("false")
)

// matches knows texts and booleans; nothing else has a text form here.
func matches(re *regex.Regexp, v event.Value) bool {
	switch v.Type() {
	case event.TypeStr:
		return re.Match(v.Str())
	case event.TypeBool:
		if b, _ := v.Bool(); b {
			return re.Match(textTrue)
		}
		return re.Match(textFalse)
	}
	return false
}
