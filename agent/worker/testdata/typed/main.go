// Typed is a plugin that misbehaves as it is told, written with package plugin. kind says which one it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

var kind string // set by the linker

func init() {
	switch kind {
	case "output":
		cshared.Output(plugin.Spec[plugin.Output]{Name: "typed", Summary: "Notes records", Workers: 3,
			Config: func() plugin.Config[plugin.Output] { return outputs{new(config)} }})
	case "filter":
		cshared.Filter(plugin.Spec[plugin.Filter]{Name: "typed", Summary: "Edits records",
			Config: func() plugin.Config[plugin.Filter] { return filters{new(config)} }})
	case "input":
		cshared.Input(plugin.Spec[plugin.Input]{Name: "typed", Summary: "Counts", Retags: true, Rereads: true, Kinds: event.Logs | event.Metrics,
			Config: func() plugin.Config[plugin.Input] { return inputs{new(config)} }})
	}
}

func main() { cshared.Main() }

type config struct {
	out, mode string
	token     string
	n         int
	delay     time.Duration
	words     []string
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.String("out", &c.out).Required().Help("The file to note in."),
		option.String("id", new(string)),
		option.String("mode", &c.mode).Help("What to do wrong."),
		option.String("token", &c.token).Secret().Help("A secret, told to everybody."),
		option.Int("n", &c.n).Default("3").Help("How many."),
		option.Duration("delay", &c.delay).Help("How long."),
		option.Strings("word", &c.words).Help("Noted at the start."),
	}
}

func (c *config) make(env plugin.Env) (*instance, error) {
	if c.mode == "refuse" {
		v, _ := option.Lookup(env.Properties, "mode")
		return nil, &option.Error{Pos: v.Pos, Msg: "mode: 'refuse' is refused", Cure: "say something else"}
	}
	if c.mode == "tell-new" {
		env.Log.Warn("New logged " + c.token)
		fmt.Fprintln(os.Stderr, "New printed "+c.token)
	}
	return &instance{config: *c, env: env}, nil
}

type (
	outputs struct{ *config }
	filters struct{ *config }
	inputs  struct{ *config }
)

func (c outputs) New(env plugin.Env) (plugin.Output, error) {
	i, err := c.make(env)
	return i, err
}

func (c filters) New(env plugin.Env) (plugin.Filter, error) {
	i, err := c.make(env)
	return i, err
}

func (c inputs) New(env plugin.Env) (plugin.Input, error) {
	i, err := c.make(env)
	return i, err
}

type instance struct {
	config
	env plugin.Env
	mu  sync.Mutex
}

func (i *instance) note(format string, args ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f, err := os.OpenFile(i.out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

func (i *instance) Start(context.Context) error {
	switch i.mode {
	case "start":
		return errors.New("no server here")
	case "hang-start":
		select {}
	case "bad-gauge":
		i.env.Metrics.GaugeFunc("bad", "Panics.", func() float64 { panic("in a gauge") })
	case "limits":
		i.note("limits %d %d", debug.SetMemoryLimit(-1), runtime.GOMAXPROCS(0))
	case "tell":
		i.env.Log.Warn("logged "+i.token, "token", i.token)
		fmt.Fprintln(os.Stderr, "printed "+i.token)
	case "tell-start":
		return errors.New("no server takes " + i.token)
	}
	i.env.Metrics.Counter("starts_total", "Starts.").Inc()
	i.note("start %s tag=%s words=%q", i.env.Name, i.env.Tag, i.words)
	i.env.Log.Warn("starting", "mode", i.mode)
	i.env.Log.Debug("too much")
	return nil
}

func (i *instance) Close() error {
	switch i.mode {
	case "hang-close":
		select {}
	case "tell-close":
		i.env.Log.Warn("Close logged " + i.token)
		fmt.Fprintln(os.Stderr, "Close printed "+i.token)
	}
	i.note("close")
	return nil
}

// fail misbehaves in the first process that does.
func (i *instance) fail(mark string) {
	switch i.mode {
	case "panic":
		panic("as it was told")
	case "die":
		os.Exit(3)
	case "die-once":
		if _, err := os.Stat(mark); err != nil {
			_ = os.WriteFile(mark, nil, 0o644)
			os.Exit(3)
		}
	case "hang":
		select {}
	}
}

func (i *instance) Flush(_ context.Context, c *event.Chunk) error {
	i.fail(i.out + ".mark")
	switch i.mode {
	case "retry":
		return errors.New("later, please")
	case "tell":
		return errors.New("returned " + i.token)
	case "tell-die":
		go panic("in a goroutine: " + i.token)
		select {}
	case "tell-panic":
		panic("panicked with " + i.token)
	case "drop":
		return plugin.Drop(errors.New("never"))
	case "poison":
		return plugin.Poison(errors.New("it hurts"))
	case "long":
		return errors.New(strings.Repeat("so long ", 4000))
	case "reject-many":
		var odd []int
		for k := 1; k < c.Len(); k += 2 {
			odd = append(odd, k)
		}
		return plugin.Reject(errors.New("odd"), odd...)
	case "reject":
		return plugin.Reject(errors.New("odd"), 1, 2)
	}
	for r := range c.Records() {
		i.note("%s %s %s", c.Tag, event.AppendJSON(nil, r.Meta(), i.env.JSON), event.AppendJSON(nil, r.Body(), i.env.JSON))
	}
	return nil
}

func (i *instance) Filter(_ context.Context, b *event.Batch) error {
	i.fail(i.out + ".mark")
	for r := range b.Edit() {
		switch i.mode {
		case "add":
			r.SetFields(append(r.Fields(), event.Field{Key: event.AppendStr(nil, "added"), Val: event.AppendBool(nil, true)}))
		case "drop":
			r.Drop()
		case "drop-odd":
			if n, _ := r.Get("n").Int(); n%2 == 1 {
				r.Drop()
			}
		case "double":
			r.Insert(r.Time(), r.Meta(), r.Body())
		case "grow", "grow-error":
			r.SetFields(append(r.Fields(), event.Field{Key: event.AppendStr(nil, "pad"), Val: event.AppendStr(nil, make([]byte, 100_000))}))
		}
	}
	switch i.mode {
	case "error", "grow-error":
		return errors.New("half done")
	case "retag":
		b.Tag = "other"
	}
	return nil
}

func (i *instance) Run(ctx context.Context, to plugin.Emitter) error {
	for k := range i.n {
		b := event.New(i.env.Tag)
		if i.mode == "retag" {
			b.Tag = fmt.Sprintf("t.%d", k)
		}
		b.Append(event.Time{Sec: 1}, nil, event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(k)))
		if i.mode == "grow" {
			for range 60 {
				b.Append(event.Time{Sec: 1}, nil, event.AppendStr(event.AppendStr(event.AppendMap(nil, 1), "pad"), make([]byte, 100_000)))
			}
		}
		b.OnSettled(func(o event.Outcome) {
			i.note("settled %d %v", k, o)
			switch i.mode {
			case "bad-settle":
				panic("in a settlement")
			case "hang-settle":
				select {}
			}
		})
		if err := to.Emit(ctx, b); err != nil {
			return err
		}
	}
	if i.mode == "mixed" {
		var set metric.Set
		i.env.Metrics.Collect(&set, time.Unix(1, 0))
		if err := to.Emit(ctx, event.Payload(i.env.Tag, event.Metrics, metric.Append(nil, &set))); err != nil {
			return err
		}
	}
	if i.mode == "fail" {
		return errors.New("the source dried up")
	}
	switch i.mode {
	case "wait":
		<-ctx.Done()
	case "hang":
		select {}
	}
	return nil
}
