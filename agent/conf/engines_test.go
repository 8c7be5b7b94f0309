package conf

import (
	"testing"

	engine "github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/option"
)

// slower are the shipped parsers whose expressions run on another engine than the fastest.
var slower = map[string]string{}

func TestNearlyAllShippedExpressionsRunOnTheFastestEngine(t *testing.T) {
	for _, file := range files(t) {
		for _, s := range sections(t, file) {
			v, ok := option.Lookup(s.Props, "regex")
			if !ok {
				continue
			}
			re, err := engine.Compile(v.Text)
			if err != nil {
				t.Errorf("%s: %v", s.Pos, err)
				continue
			}
			want := slower[s.Name]
			if want == "" {
				want = "sequence"
			}
			if got := re.Engine(); got != want {
				t.Errorf("%s: parser %s runs on %s, want %s: %s", s.Pos, s.Name, got, want, v.Text)
			}
		}
	}
}
