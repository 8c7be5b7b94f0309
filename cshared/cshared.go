// Package cshared turns a plugin that was written with package plugin into a shared object that Fluent Bit
// loads: this project's agent and the C Fluent Bit alike.
//
//	package main
//
//	import (
//		"example.com/mine"
//		"github.com/fluent/fluent-bit-go/cshared"
//	)
//
//	func init() { cshared.Output(mine.Plugin) }
//
//	func main() {} // a shared object never runs it
//
// Build it with `go build -buildmode=c-shared` and load it with `fluent-bit -e FILE`. The properties of the
// plugin are declared to the host, which refuses unknown ones and fills in defaults; what is wrong with their
// values is logged, and the instance does not start.
package cshared

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// output is what this shared object holds.
var output struct {
	spec     plugin.Spec[plugin.Output]
	contexts guest.Contexts
	chunks   atomic.Uint64
}

// Output makes spec the plugin of this shared object. Call it from an init function, once.
func Output(spec plugin.Spec[plugin.Output]) {
	if output.spec.Config != nil {
		panic("cshared: a shared object holds one plugin, and " + output.spec.Name + " is there already")
	}
	output.spec = spec
	output.contexts.Remote = guest.OutputRemote
}

// unregister answers FLBPluginUnregister.
func unregister(def unsafe.Pointer) { guest.Unregister(def, &output.contexts) }

// register answers FLBPluginRegister.
func register(def unsafe.Pointer) int {
	s := output.spec
	if s.Config == nil {
		return -1
	}
	return guest.Register(def, guest.Registration{
		Type: guest.TypeOutput, Name: s.Name, Description: s.Summary,
		EventType: eventType(s.Kinds), ConfigMap: configMap(s.Config().Options()),
	})
}

// eventType gives a host the kinds that it knows, which are Fluent Bit's bits for the first three.
func eventType(k event.Kinds) int {
	return int(max(k, event.Logs) & (event.Logs | event.Metrics | event.Traces))
}

// kind is what the chunks of such a plugin hold: a host hands over one signal, logs where it can.
func kind(k event.Kinds) event.Kinds {
	if k.Has(event.Logs) {
		return event.Logs
	}
	return k & -k
}

// Types and flags of a declared property, as flb_config_map.h numbers them.
const (
	mapString = 0
	mapPrefix = 1
	mapMany   = 1
)

// configMap declares options to the host. All are texts there: their types are checked here, where errors
// can say more.
func configMap(opts []option.Option) []guest.Property {
	list := make([]guest.Property, 0, len(opts))
	for _, o := range opts {
		p := guest.Property{Type: mapString, Name: o.Name, Default: o.Fallback, Desc: o.About}
		if o.Prefix {
			p.Type = mapPrefix
		}
		if o.Repeats {
			p.Flags = mapMany
		}
		list = append(list, p)
	}
	return list
}

// instance is one configured output at work.
type instance struct {
	name   string
	plugin plugin.Output
	log    *slog.Logger
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup
}

// start answers FLBPluginInit.
func start(handle unsafe.Pointer) (code int) {
	log := slog.New(newHandler(guest.LoggerOf(handle)))
	in := &instance{name: output.spec.Name, log: log}
	if err := guard(func() error { return in.build(handle) }); err != nil {
		log.Error(fmt.Sprintf("%s: %v", in.name, err))
		return abi.Error
	}
	in.ctx, in.stop = context.WithCancel(context.Background())
	if s, ok := in.plugin.(plugin.Starter); ok {
		if err := guard(func() error { return s.Start(in.ctx) }); err != nil {
			log.Error(fmt.Sprintf("%s could not start: %v", in.name, err))
			in.end()
			return abi.Error
		}
	}
	if b, ok := in.plugin.(plugin.Background); ok {
		in.work.Go(func() {
			if err := guard(func() error { return b.Background(in.ctx) }); err != nil && in.ctx.Err() == nil {
				log.Error(fmt.Sprintf("%s ended: %v", in.name, err))
			}
		})
	}
	output.contexts.Set(handle, in)
	return abi.OK
}

// build reads the configuration and makes the plugin.
func (in *instance) build(handle unsafe.Pointer) error {
	cfg := output.spec.Config()
	opts := cfg.Options()
	var props []option.Property
	for _, o := range opts {
		if o.Prefix {
			continue // a host gives no list of keys
		}
		if v := guest.ConfigKey(handle, guest.OutputProperty, o.Name); v != "" {
			props = append(props, option.Property{Key: o.Name, Value: option.Value{Text: v}})
		}
	}
	if err := option.Decode(opts, props, option.Pos{}); err != nil {
		return err
	}
	p, err := cfg.New(plugin.Env{
		Name: in.name, Alias: guest.ConfigKey(handle, guest.OutputProperty, "alias"), Log: in.log, Properties: props,
		Parser: func(string) (plugin.Parser, bool) { return nil, false },
		Emit: func(context.Context, *event.Batch) error {
			return errors.New("an output in a shared object cannot emit")
		},
		Stop: func(int) { in.log.Error(in.name + ": a shared object cannot stop the agent") },
	})
	in.plugin = p
	return err
}

// flush answers FLBPluginFlushCtx. data is the host's and valid until it returns.
func flush(handle unsafe.Pointer, data []byte, tag string) int {
	in, ok := output.contexts.Get(handle).(*instance)
	if !ok {
		return abi.Error
	}
	c, bad := event.View(output.chunks.Add(1), tag, kind(output.spec.Kinds), data)
	defer c.Release()
	if bad != nil {
		in.log.Error(fmt.Sprintf("%s: a chunk with tag '%s': %v", in.name, tag, bad))
	}
	err := guard(func() error { return in.plugin.Flush(in.ctx, c) })
	switch {
	case err == nil:
		return abi.OK
	case plugin.Dropped(err):
		in.log.Error(fmt.Sprintf("%s rejects a chunk with tag '%s' (%d records): %v", in.name, tag, c.Len(), err))
		return abi.Error
	}
	in.log.Warn(fmt.Sprintf("%s could not deliver a chunk with tag '%s' (%d records): %v", in.name, tag, c.Len(), err))
	return abi.Retry
}

// exit answers FLBPluginExitCtx.
func exit(handle unsafe.Pointer) int {
	if in, ok := output.contexts.Get(handle).(*instance); ok {
		in.end()
	}
	return abi.OK
}

func (in *instance) end() {
	in.stop()
	in.work.Wait()
	if c, ok := in.plugin.(io.Closer); ok {
		if err := guard(c.Close); err != nil {
			in.log.Warn(fmt.Sprintf("%s: close: %v", in.name, err))
		}
	}
}

// guard turns a panic into an error with its stack: the chunk comes again, and the other instances stay.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}
