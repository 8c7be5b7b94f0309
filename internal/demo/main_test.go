package main

import (
	"strings"
	"testing"
	"time"
)

func TestDemoInterruptsTheCommandAndSaysWhatIsNext(t *testing.T) {
	var out strings.Builder
	err := demo(&out, 200*time.Millisecond, []string{"sh", "-c", "trap 'echo bye; exit 0' INT; while :; do sleep 0.02; done"})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "bye\n") || !strings.HasSuffix(got, next) {
		t.Errorf("printed %q", got)
	}
}

func TestDemoReportsACommandThatFails(t *testing.T) {
	for _, command := range []string{"exit 3", "exit 0"} {
		var out strings.Builder
		if err := demo(&out, time.Minute, []string{"sh", "-c", command}); err == nil {
			t.Errorf("%q: no error", command)
		}
		if strings.Contains(out.String(), next) {
			t.Errorf("%q: says what is next in spite of the failure", command)
		}
	}
}
