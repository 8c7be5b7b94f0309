package redact

import (
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/plugintest"
)

func TestConforms(t *testing.T) {
	plugintest.Conform(t, Plugin, `pattern \d{4}`, "key message", "key d")
}

func TestGolden(t *testing.T) { plugintest.Golden(t, Plugin, "testdata/*.txt") }

func TestNothingToDoIsAFault(t *testing.T) {
	err := plugintest.Err(plugintest.New(t), Plugin)
	if err == nil || !strings.Contains(err.Error(), "set 'pattern' or 'key'") {
		t.Error(err)
	}
}

func TestBadPatternNamesItsPlace(t *testing.T) {
	err := plugintest.Err(plugintest.New(t), Plugin, "key x", "pattern (")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:2:9: pattern: '('") {
		t.Error(err)
	}
}

func TestRecordsWithoutSecretsStayAsTheyAre(t *testing.T) {
	in := []string{`{"a":1,"b":[true,null]}`, `{"msg":"plain"}`}
	if got := plugintest.New(t).Filter(Plugin, "key token").Run(in...); !slices.Equal(got, in) {
		t.Errorf("%q", got)
	}
}
