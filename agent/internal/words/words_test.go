package words

import (
	"fmt"
	"testing"
)

func TestPairKeepsTheRestInOnePiece(t *testing.T) {
	f := func(s, first, rest string) {
		t.Helper()
		if a, b := Pair(s); a != first || b != rest {
			t.Errorf("%q: %q and %q", s, a, b)
		}
	}
	f("key a b", "key", "a b")
	f("  key   a", "key", "a")
	f("key", "key", "")
	f("", "", "")
}

func TestQuotedWordsMayHoldBlanks(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		list, err := Quoted(s)
		if got := fmt.Sprintf("%q %v", list, err); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	f(`a b`, `["a" "b"] <nil>`)
	f(`  a   "b c" `, `["a" "b c"] <nil>`)
	f(`'x "y"' ""`, `["x \"y\"" ""] <nil>`)
	f(`"a\"b" "c\\" "\d"`, `["a\"b" "c\\" "\\d"] <nil>`)
	f(`a "b`, `[] has a quote that is not closed`)
	f(``, `[] <nil>`)
}
