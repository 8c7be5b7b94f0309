package fluentbit_metrics

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/metric"
)

func TestTheAgentsMetricsAreEmittedEachInterval(t *testing.T) {
	f := func(want int, pairs ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 6500*time.Millisecond)
			defer stop()
			own := metric.NewRegistry("fluentbit", "", metric.L("host", "h"))
			k := inputtest.New()
			k.Env.Metrics = own
			k.Env.Agent = func() (s metric.Set) { own.Collect(&s, time.Now()); return s }
			if err := k.Start(t, ctx, new(config), pairs...)(); err != nil {
				t.Error(err)
			}
			got := k.Records()
			if len(got) != want || !strings.HasPrefix(got[0], `fluentbit_metrics_scrapes_total{host="h"} = 1`) {
				t.Errorf("%q: %d batches, want %d: %q", pairs, len(got), want, got)
			}
		})
	}
	f(3)
	f(4, "scrape_on_start", "on")
	f(6, "scrape_interval", "1")
	f(3, "scrape_interval", "0")
}

func TestAHostWithoutMetricsIsRefused(t *testing.T) {
	if _, err := inputtest.New().Build(new(config)); err == nil || !strings.Contains(err.Error(), "does not tell its metrics") {
		t.Errorf("got %v", err)
	}
}
