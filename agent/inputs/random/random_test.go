package random

import (
	"context"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func TestSamplesLimitTheNumbers(t *testing.T) {
	for samples, want := range map[string]int{"-1": 9, "0": 0, "3": 3} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 950*time.Millisecond)
			defer stop()
			k := inputtest.New()
			if err := k.Start(t, ctx, new(config), "samples", samples, "interval_sec", "0", "interval_nsec", "100000000")(); err != nil {
				t.Error(err)
			}
			seen := map[string]bool{}
			for _, r := range k.Records() {
				if !regexp.MustCompile(`^\{"rand_value":\d+\}$`).MatchString(r) {
					t.Errorf("emitted %s", r)
				}
				seen[r] = true
			}
			if len(seen) != want {
				t.Errorf("samples %s: %d different numbers, want %d", samples, len(seen), want)
			}
		})
	}
}
