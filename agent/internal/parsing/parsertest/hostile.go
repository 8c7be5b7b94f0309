package parsertest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Huge is how long the longest of hostile lines are.
const Huge = 100 << 20

// hostile makes lines of what nobody should write: units are repeated until they fill size bytes.
func hostile(size int) [][]byte {
	lines := [][]byte{nil, {0}, []byte("\xff\xfe\xfd"), []byte("\xe2\x82"), []byte("a=\"\xf0\x9f"), []byte(`{"a":"` + "\xc3"), []byte("\\"), []byte(`{"a":1e999999999}`)}
	for _, unit := range []string{"\x00", " ", "a", "\xff", "é", "\xe2\x82", `"`, `\`, "a=", `a="\`, "a:1\t", ":", "=", "{", "[", `{"a":`, `{"a":[`, "9", "-", `{"a":1}`, "a b ", "[x] ", "\r", "2024-01-02T03:04:05 "} {
		lines = append(lines, bytes.Repeat([]byte(unit), size/len(unit)))
	}
	return lines
}

// Hostile gives a parser lines that are cut short, nest without end, hold no text at all or are very long. It
// has to say no or to return one whole map, leave the line and what stood before in dst as they are, keep no
// view of the line, and then parse the good line as if nothing had been.
func Hostile(t *testing.T, p plugin.Parser, good, want string) {
	t.Helper()
	HostileUpTo(t, Huge, p, good, want)
}

// HostileUpTo is Hostile with lines of at most longest bytes, for what takes its time.
func HostileUpTo(t *testing.T, longest int, p plugin.Parser, good, want string) {
	t.Helper()
	if testing.Short() || racing {
		longest = min(longest, 5000)
	}
	if longest == Huge {
		for _, line := range []string{`{"k":"` + strings.Repeat("é", Huge/2) + `"}`, `k="` + strings.Repeat(`\"`, Huge/2) + `"`, "k:" + strings.Repeat("v", Huge)} {
			feed(t, p, []byte(line))
		}
	}
	for _, size := range []int{1, 100, 5000, 1 << 18} {
		for _, line := range hostile(min(size, longest)) {
			feed(t, p, line)
		}
	}
	if got := Parse(t, p, good); got != want {
		t.Errorf("after hostile lines %q becomes\n got %s\nwant %s", good, got, want)
	}
}

func feed(t *testing.T, p plugin.Parser, line []byte) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%.40q… (%d bytes): panic: %v", line, len(line), r)
		}
	}()
	const before = "before"
	given := bytes.Clone(line)
	out, _, err := p.Parse([]byte(before), given)
	if !bytes.Equal(given, line) {
		t.Fatalf("%.40q… (%d bytes): the parser wrote into the line", line, len(line))
	}
	for i := range given {
		given[i] = 0xc1 // whoever keeps a view of the line is left with rubbish
	}
	if string(out[:len(before)]) != before || err != nil && len(out) != len(before) {
		t.Fatalf("%.40q… (%d bytes): dst is not as it was; %v", line, len(line), err)
	}
	if err != nil {
		return
	}
	if v, rest, err := event.CheckValue(out[len(before):]); err != nil || len(rest) > 0 || v.Type() != event.TypeMap {
		t.Fatalf("%.40q… (%d bytes) is not one map: %v", line, len(line), err)
	}
}
