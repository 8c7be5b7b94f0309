package file

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestMetricsAreWrittenAsText(t *testing.T) {
	chunk := outputtest.Metrics("m", metric.Set{Families: []metric.Family{{
		Name: "toys_total", Points: []metric.Point{{Time: 1700000000e9, Value: 3}},
	}}})
	const line = "2023-11-14T22:13:20.000000000Z toys_total = 3\n"

	dir := t.TempDir()
	o, _ := build(t, "path", dir, "format", "csv")
	flush(t, o, chunk)
	flush(t, o, chunk)
	wantFile(t, filepath.Join(dir, "m"), line+line)

	dir = t.TempDir()
	o, _ = build(t, "path", dir, "file", "%Y-%m", "enable_strftime", "on")
	o.now = func() time.Time { return time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC) }
	flush(t, o, chunk)
	wantFile(t, filepath.Join(dir, "2026-02"), line)

	dir = t.TempDir()
	o, _ = build(t, "path", dir, "file", "$app", "on_missing_field", "fallback", "fallback_path", dir, "fallback_file", "rest")
	flush(t, o, chunk)
	wantFile(t, filepath.Join(dir, "rest"), line)

	o, _ = build(t, "path", dir, "file", "$app")
	if err := o.Flush(t.Context(), chunk); !plugin.Dropped(err) {
		t.Errorf("got %v", err)
	}
}
