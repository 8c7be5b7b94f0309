package burst

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestABurstIsLoggedOnceAndThenCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var l Log
		for range 100 {
			l.Error(log, "no luck")
		}
		if n := strings.Count(out.String(), "no luck"); n != 1 {
			t.Errorf("%d lines:\n%s", n, out.String())
		}
		time.Sleep(quiet)
		l.Error(log, "no luck")
		if want := "no luck (and 99 more like it since, 101 in all)"; !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
		if l.Total() != 101 {
			t.Errorf("counted %d", l.Total())
		}
	})
}
