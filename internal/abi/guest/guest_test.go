package guest

import (
	"testing"

	"github.com/fluent/fluent-bit-go/internal/abi/hosttest"
)

func TestLoggerKnowsTheInstancesLevel(t *testing.T) {
	f := func(properties map[string]string, check, want int) {
		t.Helper()
		h := hosttest.New(properties)
		defer h.Close()
		l := LoggerOf(h.Instance, check)
		for level := 1; level <= highest; level++ {
			if l.Enabled(level) != (level <= want) {
				t.Errorf("%v: level %d is enabled: %v", properties, level, l.Enabled(level))
			}
		}
	}
	f(nil, OutputLogCheck, 3)
	f(map[string]string{"log_level": "0"}, OutputLogCheck, 0)
	f(map[string]string{"log_level": "4"}, InputLogCheck, 4)
	f(nil, 8, highest) // a host without the function
}

func TestLoggerWithoutAHostTakesAll(t *testing.T) {
	if l := LoggerOf(nil, OutputLogCheck); !l.Enabled(highest) || l.Print(1, "x") {
		t.Error("a log that is not there prints")
	}
}
