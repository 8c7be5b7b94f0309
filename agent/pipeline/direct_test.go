package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
)

// routed adds routes to a rig's first input: YAML below `logs:`.
func routed(t *testing.T, routes string) func(*config.Tree) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "routes.yaml")
	text := "pipeline:\n  inputs:\n    - name: source\n      routes:\n        logs:\n" + routes
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func(into *config.Tree) {
		into.Inputs[0].Props = append(into.Inputs[0].Props, tree.Inputs[0].Props...)
	}
}

const highAndRest = `
          - {name: high, condition: {rules: [{field: $n, op: gt, value: 6}]}, to: [high]}
          - {name: odd, condition: {rules: [{field: $n, op: regex, value: '[13579]$'}]}, to: [odd]}
          - {name: rest, condition: {default: true}, to: [rest]}
`

func TestRoutesDecideForTheirInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{edit: routed(t, highAndRest)}
		r.build(t, "input source tag=a n=10", "output sink alias=high", "output sink alias=odd", "output sink alias=rest", "output sink alias=all match=*")
		r.runFor(t, 3*time.Second)
		// 7 8 9; 1 3 5 7 9; 0 2 4 6
		for out, want := range map[string]int{"high": 3, "odd": 5, "rest": 4, "all": 0} {
			if n := r.got.of("records " + out); n != want {
				t.Errorf("%s got %d records, want %d", out, n, want)
			}
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches are settled", n)
		}
		if strings.Contains(r.log.String(), "no match") {
			t.Error(r.log.String())
		}
	})
}

func TestABatchWaitsForAllOfItsRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{edit: routed(t, highAndRest)}
		r.build(t, "input source tag=a n=10", "output sink alias=high mode=dead", "output sink alias=odd", "output sink alias=rest")
		r.runFor(t, 30*time.Second)
		if n := r.settled.of("delivered"); n != 7 {
			t.Errorf("%d batches are settled, want those that do not go to the dead output", n)
		}
	})
}

func TestRecordsWithoutARouteAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{edit: routed(t, "          - {name: high, condition: {rules: [{field: $n, op: gt, value: 6}]}, to: [high]}\n")}
		r.build(t, "input source tag=a n=10", "output sink alias=high")
		r.runFor(t, 3*time.Second)
		if n := r.p.lost[NoRoute].Load(); n != 7 || r.settled.of("given up") != 7 || r.settled.of("delivered") != 3 {
			t.Errorf("%d records lost, settled: %v", n, r.settled.m)
		}
		if !strings.Contains(r.log.String(), "add a route with condition: {default: true}") {
			t.Error(r.log.String())
		}
	})
}

func TestRoutesFindTheirOutputsAfterAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{edit: routed(t, "          - {name: all, condition: {rules: [{field: $n, op: gte, value: 0}]}, to: [to]}\n")}
		const in = "input source tag=a n=60 pause=1"
		r.build(t, in, "output sink alias=to")
		reloading(t, r, func(run *Runner) {
			time.Sleep(30*time.Second + time.Millisecond)
			if err := run.Reload(t.Context(), r.next(t, in, "output sink alias=to match=never"), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(60 * time.Second)
		})
		if n := r.got.of("records to"); n != 60 || r.settled.of("delivered") != 60 {
			t.Errorf("%d of 60 records came, %d batches are settled", n, r.settled.of("delivered"))
		}
		if r.got.of("runs source.0") != 1 {
			t.Error("the input was started anew")
		}
	})
}
