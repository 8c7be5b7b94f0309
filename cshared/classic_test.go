//go:build cgo && linux

package cshared

import (
	"context"
	"errors"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/internal/abi/hosttest"
	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// failing emits one batch and fails.
type failing struct{}

func (failing) Options() []option.Option               { return nil }
func (f failing) New(plugin.Env) (plugin.Input, error) { return f, nil }
func (failing) Run(ctx context.Context, to plugin.Emitter) error {
	b := event.New("test")
	b.Append(event.Time{Sec: 1}, nil, event.AppendMap(nil, 0))
	if err := to.Emit(ctx, b); err != nil {
		return err
	}
	return errors.New("the source dried up")
}

// A host looks at the code first, and leaves out the data of a callback that failed.
func TestLastRecordsOfAnInputThatFailsReachAClassicHost(t *testing.T) {
	was := held
	defer func() { held = was }()
	held = serve.Input(plugin.Spec[plugin.Input]{Name: "failing", Config: func() plugin.Config[plugin.Input] { return failing{} }})
	classic.contexts.Remote = guest.InputRemote
	h := hosttest.New(nil)
	defer h.Close()
	if code := start(h.Instance); code != abi.OK {
		t.Fatal(code)
	}
	if data, code := collect(h.Remote(guest.InputRemote)); len(data) == 0 || code != abi.OK {
		t.Errorf("%d bytes with code %d", len(data), code)
	}
}
