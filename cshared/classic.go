//go:build cgo && linux

package cshared

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// What follows answers a host that knows the C interface alone.

// classic is this shared object in such a host.
var classic struct {
	contexts guest.Contexts
	chunks   atomic.Uint64

	mu   sync.Mutex
	open []*serve.Instance
}

// register answers FLBPluginRegister.
func register(def unsafe.Pointer) int {
	if held == nil {
		return -1
	}
	switch held.Type {
	case wire.TypeFilter:
		fmt.Fprintf(os.Stderr, "the plugin '%s' is a filter: the C Fluent Bit has no filters in Go; run it with fluent-bit-go's agent\n", held.Name)
		return -1
	case abi.TypeInput:
		classic.contexts.Remote = guest.InputRemote
	default:
		classic.contexts.Remote = guest.OutputRemote
	}
	return guest.Register(def, guest.Registration{
		Type: held.Type, Name: held.Name, Description: held.Summary,
		EventType: eventType(), ConfigMap: configMap(held.Declaration().Options),
	})
}

// eventType says what the plugin takes or gives: for outputs as a set, whose first three bits are Fluent
// Bit's own, for inputs as a number.
func eventType() int {
	k := held.Kinds & (event.Logs | event.Metrics | event.Traces)
	if held.Type != abi.TypeInput {
		return int(k)
	}
	return map[event.Kinds]int{event.Metrics: 1, event.Traces: 2}[kind()]
}

// kind is what the chunks of the plugin hold: a host hands over one signal, logs where it can.
func kind() event.Kinds {
	if held.Kinds.Has(event.Logs) {
		return event.Logs
	}
	return held.Kinds & -held.Kinds
}

// Types and flags of a declared property, as flb_config_map.h numbers them.
const (
	mapString = 0
	mapPrefix = 1
	mapMany   = 1
)

// configMap declares options to the host. All are texts there: their types are checked here, where errors
// can say more.
func configMap(opts []option.Declaration) []guest.Property {
	list := make([]guest.Property, 0, len(opts))
	for _, o := range opts {
		p := guest.Property{Type: mapString, Default: o.Fallback, Desc: o.About}
		if o.Prefix {
			p.Type = mapPrefix
		}
		if o.Repeats {
			p.Flags = mapMany
		}
		for _, p.Name = range o.Names() {
			list = append(list, p)
			p.Default = "" // once: it would hide what stands under the name before
		}
	}
	return list
}

// hostLog is the host's log as one instance reaches it.
type hostLog struct {
	to   guest.Logger
	name string
}

// Enabled implements [serve.Printer].
func (l hostLog) Enabled(level int) bool { return l.to.Enabled(level) }

// Print implements [serve.Printer].
func (l hostLog) Print(level int, line string) {
	line = l.name + ": " + line
	if !l.to.Print(level, line) {
		fmt.Fprintln(os.Stderr, line)
	}
}

// start answers FLBPluginInit.
func start(handle unsafe.Pointer) int {
	get, check := guest.OutputProperty, guest.OutputLogCheck
	if held.Type == abi.TypeInput {
		get, check = guest.InputProperty, guest.InputLogCheck
	}
	s := wire.Section{Name: held.Name, Alias: guest.ConfigKey(handle, get, "alias"), Tag: guest.ConfigKey(handle, get, "tag"), Grace: 5 * time.Second}
	for _, o := range held.Declaration().Options {
		if o.Prefix {
			continue // a host gives no list of keys
		}
		for _, key := range o.Names() {
			if v := guest.ConfigKey(handle, get, key); v != "" {
				s.Properties = append(s.Properties, option.Property{Key: key, Value: option.Value{Text: v}})
			}
		}
	}
	s.All = s.Properties
	log := hostLog{guest.LoggerOf(handle, check), held.Name}
	in, err := held.New(s, log)
	if err == nil {
		err = in.Start()
	}
	if err != nil {
		log.Print(abi.LogError, err.Error())
		return abi.Error
	}
	classic.mu.Lock()
	classic.open = append(classic.open, in)
	classic.mu.Unlock()
	classic.contexts.Set(handle, in)
	return abi.OK
}

// flush answers FLBPluginFlushCtx. data is the host's and valid until it returns.
func flush(handle unsafe.Pointer, data []byte, tag string) int {
	in, ok := classic.contexts.Get(handle).(*serve.Instance)
	if !ok {
		return abi.Error
	}
	c, bad := event.View(classic.chunks.Add(1), tag, kind(), data)
	defer c.Release()
	if bad != nil {
		in.Log().Error(fmt.Sprintf("a chunk with tag '%s': %v", tag, bad))
	}
	err := in.Flush(c)
	switch {
	case err == nil:
		return abi.OK
	case plugin.Dropped(err):
		in.Log().Error(fmt.Sprintf("a chunk with tag '%s' (%d records) is rejected: %v", tag, c.Len(), err))
		return abi.Error
	case plugin.Rejected(err) != nil:
		in.Log().Error(fmt.Sprintf("of a chunk with tag '%s' (%d records): %v", tag, c.Len(), err))
		return abi.OK
	}
	in.Log().Warn(fmt.Sprintf("a chunk with tag '%s' (%d records) was not delivered: %v", tag, c.Len(), err))
	return abi.Retry
}

// gathered is how much one collect takes at most, in bytes, and what it waits for more.
const (
	gathered = 2 << 20
	patience = 20 * time.Millisecond
)

// collect answers FLBPluginInputCallbackCtx with the records that are there. They count as settled then.
func collect(handle unsafe.Pointer) (data []byte, code int) {
	in, ok := classic.contexts.Get(handle).(*serve.Instance)
	if !ok {
		return nil, abi.Error
	}
	for len(data) < gathered {
		stop := make(chan struct{})
		t := time.AfterFunc(patience, func() { close(stop) })
		b, err := in.Collect(stop)
		t.Stop()
		if err != nil {
			in.Log().Error("the input has ended: " + err.Error())
			if len(data) == 0 {
				return nil, -1
			}
			break // with -1 the host would leave the data out
		}
		if b == nil {
			break
		}
		if kind().Has(b.Kind) {
			data = append(data, b.Bytes()...)
			b.Settle(event.Delivered)
		} else {
			in.Log().Error(fmt.Sprintf("a batch of %v is left out: this host takes %v from the plugin", b.Kind, kind()))
			b.Settle(event.GivenUp)
		}
		b.Release()
	}
	return data, abi.OK
}

// exit answers FLBPluginExitCtx.
func exit(handle unsafe.Pointer) {
	if in, ok := classic.contexts.Get(handle).(*serve.Instance); ok {
		closeInstance(in)
	}
}

// exitAll answers FLBPluginExit, which says of no instance which one it is: the first call ends all.
func exitAll() {
	for _, in := range takeOpen() {
		in.Close()
	}
}

func takeOpen() []*serve.Instance {
	classic.mu.Lock()
	defer classic.mu.Unlock()
	all := classic.open
	classic.open = nil
	return all
}

func closeInstance(in *serve.Instance) {
	classic.mu.Lock()
	for i, other := range classic.open {
		if other == in {
			classic.open = append(classic.open[:i], classic.open[i+1:]...)
			break
		}
	}
	classic.mu.Unlock()
	in.Close()
}
