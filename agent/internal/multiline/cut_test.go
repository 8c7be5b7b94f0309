package multiline

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/plugin"
)

func TestTextsAreCutBetweenTwoCharacters(t *testing.T) {
	for limit := 10; limit < 20; limit++ {
		for _, name := range []string{"java", "cri", "docker"} {
			m, err := NewSet(int64(limit)).Use(plugin.Joining{Parsers: []string{name}})
			if err != nil {
				t.Fatal(err)
			}
			var got string
			j := m(func(r plugin.Joined) { got += string(r.Text) + "|" })
			_ = j
			for _, line := range []string{"java.lang.Error: é€😀é€😀", "\tat €😀é", "alone é€😀é€😀"} {
				j.Add(plugin.Line{Text: []byte(line)})
			}
			j.Flush(never)
			for text := range strings.SplitSeq(got, "|") {
				if !utf8.ValidString(text) {
					t.Errorf("%s, limit %d: %q ends inside of a character", name, limit, text)
				}
			}
		}
	}
}
