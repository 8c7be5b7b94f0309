package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
)

func TestTheFlushIntervalFollowsTheFullestQueue(t *testing.T) {
	s, err := config.ServiceOf(&config.Tree{})
	if err != nil {
		t.Fatal(err)
	}
	a := s.FlushAdaptive
	run := func(fills ...float64) string {
		p := newPace()
		var got []string
		for _, fill := range fills {
			got = append(got, fmt.Sprint(p.next(time.Second, a, fill)))
		}
		return strings.Join(got, " ")
	}
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	check(run(0, 0, 0, 100), "1s 1s 1s 1s") // it is off
	a.On = true
	check(run(30, 30, 30, 30), "1s 1s 1s 1s")
	check(run(80, 80, 80, 80, 80), "1s 750ms 750ms 500ms 500ms")         // up by two flushes each
	check(run(80, 0, 80, 80), "1s 1s 1s 750ms")                          // in a row
	check(run(0, 0, 0, 0, 55, 55, 55, 55), "1s 1s 2s 2s 2s 1s 1s 750ms") // down by three
	a.MinInterval, a.MaxInterval = 900*time.Millisecond, 1500*time.Millisecond
	check(run(80, 80, 80, 80), "1s 900ms 900ms 900ms")
	check(run(0, 0, 0), "1s 1s 1.5s")
}
