package pipeline

import (
	"context"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestASignalGoesOnlyToOutputsThatTakeIt(t *testing.T) {
	r := mustBuild(t, nil, "input source tag=a n=0", "output sink match=*", "output sink match=*", "output sink match=b")
	r.p.outputs[1].kinds = event.Logs | event.Metrics
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, tag := range []string{"a", "b"} {
			for _, kind := range []event.Kinds{event.Metrics, event.Traces} {
				if err := r.p.emitter.Emit(t.Context(), event.Payload(tag, kind, []byte{0x80})); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r.p.Run(ctx)
	for out, want := range map[string]int{"sink.0": 0, "sink.1": 4, "sink.2": 0} {
		if n := r.got.of("attempts " + out); n != want {
			t.Errorf("%s was flushed %d times, want %d", out, n, want)
		}
	}
	if n := r.got.of("source emitter.0"); n != 4 {
		t.Errorf("%d payloads told their source, want 4", n)
	}
	if n := r.p.lost[NoRoute].Load(); n != 4 {
		t.Errorf("%d payloads were lost without a route, want 4", n)
	}
	if log := r.log.String(); strings.Count(log, "match no output that takes traces") != 2 {
		t.Errorf("log:\n%s", log)
	}
}
