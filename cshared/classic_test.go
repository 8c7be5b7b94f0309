//go:build cgo && linux

package cshared

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/internal/abi/hosttest"
	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// failing emits a batch of logs and one of metrics, and fails.
type failing struct{}

func (failing) Options() []option.Option               { return nil }
func (f failing) New(plugin.Env) (plugin.Input, error) { return f, nil }
func (failing) Run(ctx context.Context, to plugin.Emitter) error {
	b := event.New("test")
	b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	if err := errors.Join(to.Emit(ctx, b), to.Emit(ctx, event.Payload("test", event.Metrics, []byte{0x80}))); err != nil {
		return err
	}
	return errors.New("the source dried up")
}

// A host looks at the code first, and leaves out the data of a callback that failed.
func TestLastRecordsOfAnInputThatFailsReachAClassicHost(t *testing.T) {
	was := held
	defer func() { held = was }()
	held = serve.Input(plugin.Spec[plugin.Input]{Name: "failing", Kinds: event.Logs | event.Metrics, Config: func() plugin.Config[plugin.Input] { return failing{} }})
	classic.contexts.Remote = guest.InputRemote
	h := hosttest.New(nil)
	defer h.Close()
	if code := start(h.Instance); code != abi.OK {
		t.Fatal(code)
	}
	if data, code := collect(h.Remote(guest.InputRemote)); len(data) != 14 || code != abi.OK {
		t.Errorf("%d bytes with code %d", len(data), code)
	}
}

// named notes what was configured.
type named struct{ name string }

func (n *named) Options() []option.Option {
	return []option.Option{option.String("name_now", &n.name).Alias("name_before")}
}

func (n *named) New(plugin.Env) (plugin.Output, error)   { return n, nil }
func (*named) Flush(context.Context, *event.Chunk) error { return nil }

func TestOtherNamesOfOptionsAreKnownInAClassicHost(t *testing.T) {
	was := held
	defer func() { held = was }()
	n := new(named)
	held = serve.Output(plugin.Spec[plugin.Output]{Name: "named", Config: func() plugin.Config[plugin.Output] { return n }})
	h := hosttest.New(map[string]string{"name_before": "x"})
	defer h.Close()
	if code := register(h.Def); code != 0 {
		t.Fatal(code)
	}
	defer guest.Unregister(h.Def, &classic.contexts)
	var keys []string
	for _, p := range h.Definition().ConfigMap {
		keys = append(keys, p.Name)
	}
	if want := []string{"name_now", "name_before"}; !slices.Equal(keys, want) {
		t.Errorf("declared are %q, want %q", keys, want)
	}
	if code := start(h.Instance); code != abi.OK || n.name != "x" {
		t.Errorf("code %d, name %q", code, n.name)
	}
}
