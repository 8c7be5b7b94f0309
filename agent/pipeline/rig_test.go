package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// source emits numbered records, one a batch, as fast as it may, and then waits for the end.
type source struct {
	env     plugin.Env
	n       int
	pause   time.Duration
	size    int
	linger  time.Duration // before the last record, when it is told to end
	settled *tally
	got     *tally
}

func (s *source) Options() []option.Option {
	return []option.Option{option.Int("n", &s.n), option.Duration("pause", &s.pause), option.Int("size", &s.size), option.Duration("linger", &s.linger)}
}

func (s *source) New(env plugin.Env) (plugin.Input, error) { s.env = env; return s, nil }

func (s *source) Run(ctx context.Context, to plugin.Emitter) error {
	s.got.add("runs " + s.env.Name)
	for i := range s.n {
		b := event.New(s.env.Tag)
		body := event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(i))
		if s.size > 0 {
			body = event.AppendStr(event.AppendStr(append(event.AppendMap(nil, 2), body[1:]...), "fill"), strings.Repeat("x", s.size))
		}
		b.Append(event.Time{Sec: 1}, nil, body)
		b.OnSettled(func(o event.Outcome) { s.settled.add(o.String()) })
		if err := to.Emit(ctx, b); err != nil {
			return err
		}
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // of two things that are ready select takes either
			return nil
		}
	}
	<-ctx.Done()
	if s.linger == 0 {
		return nil
	}
	time.Sleep(s.linger)
	b := event.New(s.env.Tag)
	b.Append(event.Time{Sec: 1}, nil, event.AppendInt(event.AppendStr(event.AppendMap(nil, 1), "n"), int64(s.n)))
	b.OnSettled(func(o event.Outcome) { s.settled.add(o.String()) })
	return to.Emit(ctx, b)
}

// sink counts what it was given and fails as its script says.
type sink struct {
	mode string
	keys []string
	got  *tally
	env  plugin.Env
}

func (s *sink) Options() []option.Option {
	return []option.Option{option.String("mode", &s.mode), option.Strings("key", &s.keys).Secret()}
}

func (s *sink) New(env plugin.Env) (plugin.Output, error) { s.env = env; return s, nil }

func (s *sink) Flush(ctx context.Context, c *event.Chunk) error {
	s.got.add("attempts " + s.env.Name)
	if c.Kind != event.Logs {
		s.got.add("source " + c.Source)
	}
	switch s.mode {
	case "dead":
		return errors.New("connection refused")
	case "leak":
		s.env.Log.Info("my keys are "+strings.Join(s.keys, " and "), "first", s.keys[0])
	case "reject":
		return plugin.Drop(errors.New("bad request"))
	case "part":
		if c.Len() > 2 {
			return plugin.Reject(errors.New("too odd"), 1, 2)
		}
	case "poison":
		return plugin.Poison(errors.New("it crashed"))
	case "deaf":
		time.Sleep(20 * time.Minute)
	case "slow":
		time.Sleep(1500 * time.Millisecond)
	case "hang":
		<-ctx.Done()
		return ctx.Err()
	case "panic":
		panic("as it was told")
	case "late": // until the third minute
		if s.got.since(s.env.Name) < 2*time.Minute {
			return errors.New("not yet")
		}
	case "once":
		if s.got.of("attempts "+s.env.Name) == 1 {
			return errors.New("not yet")
		}
	}
	for r := range c.Records() {
		n, _ := r.Get("n").Int()
		s.got.add(fmt.Sprintf("%s %d", s.name(), n))
		s.got.add("records " + s.name())
	}
	return nil
}

func (s *sink) Close() error {
	if s.mode == "linger" {
		time.Sleep(time.Minute)
	}
	return nil
}

func (s *sink) name() string {
	if s.env.Alias != "" {
		return s.env.Alias
	}
	return s.env.Name
}

type tally struct {
	mu    sync.Mutex
	m     map[string]int
	first map[string]time.Time
}

func (t *tally) add(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[string]int{}
	}
	t.m[key]++
}

// since tells how long ago it was asked for the first time.
func (t *tally) since(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		t.first = map[string]time.Time{}
	}
	if t.first[key].IsZero() {
		t.first[key] = time.Now()
	}
	return time.Since(t.first[key])
}

func (t *tally) of(key string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[key]
}

// rig is a pipeline of test plugins; sections are written "kind name key=value …".
type rig struct {
	p       *Pipeline
	log     bytes.Buffer
	logs    *logger.Sink
	got     tally
	settled tally
	edit    func(*config.Tree) // adds what sections cannot say
}

// build builds r's pipeline.
func (r *rig) build(t *testing.T, sections ...string) {
	t.Helper()
	r.logs = logger.NewSink(&r.log, false)
	var err error
	if r.p, err = buildIn(t, r, nil, sections...); err != nil {
		t.Fatal(err)
	}
}

func build(t *testing.T, edit func(*Settings), sections ...string) (r *rig, err error) {
	t.Helper()
	r = &rig{}
	r.logs = logger.NewSink(&r.log, false)
	r.p, err = buildIn(t, r, edit, sections...)
	return r, err
}

// buildIn builds a pipeline whose plugins count in r.
func buildIn(t *testing.T, r *rig, edit func(*Settings), sections ...string) (*Pipeline, error) {
	t.Helper()
	specs := plugin.Set{
		Inputs: []plugin.Spec[plugin.Input]{{Name: "source", Config: func() plugin.Config[plugin.Input] { return &source{settled: &r.settled, got: &r.got} }}},
		Filters: []plugin.Spec[plugin.Filter]{
			{Name: "holder", Config: func() plugin.Config[plugin.Filter] { return &holder{got: &r.got} }},
			{Name: "staller", Config: func() plugin.Config[plugin.Filter] { return &staller{got: &r.got} }},
		},
		Outputs: []plugin.Spec[plugin.Output]{{Name: "sink", Config: func() plugin.Config[plugin.Output] { return &sink{got: &r.got} }}},
	}
	var tree config.Tree
	for _, s := range sections {
		words := strings.Fields(s)
		sec := config.Section{Kind: words[0], Name: words[1], Pos: option.Pos{File: "test", Line: 1}}
		if sec.Kind == "task" {
			query := option.Value{Text: strings.Join(words[2:], " "), Pos: sec.Pos}
			sec.Props = append(sec.Props, option.Property{Key: "exec", Value: query, Pos: sec.Pos})
			tree.StreamTasks = append(tree.StreamTasks, sec)
			continue
		}
		for _, w := range words[2:] {
			k, v, _ := strings.Cut(w, "=")
			sec.Props = append(sec.Props, option.Property{Key: k, Value: option.Value{Text: v, Pos: sec.Pos}, Pos: sec.Pos})
		}
		switch sec.Kind {
		case "input":
			tree.Inputs = append(tree.Inputs, sec)
		case "filter":
			tree.Filters = append(tree.Filters, sec)
		default:
			tree.Outputs = append(tree.Outputs, sec)
		}
	}
	if r.edit != nil {
		r.edit(&tree)
	}
	set := Settings{Flush: time.Second, Grace: 5 * time.Second, RetryBase: 5 * time.Second, RetryCap: 2000 * time.Second,
		MemoryBudget: 256e6, Sink: r.logs}
	if edit != nil {
		edit(&set)
	}
	return Build(&tree, specs, set)
}

// runFor runs the pipeline for a while of the fake clock, shuts it down, and returns how long that took.
func (r *rig) runFor(t *testing.T, d time.Duration) time.Duration {
	t.Helper()
	if err := r.p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	begin := time.Now()
	r.p.Run(ctx)
	return time.Since(begin) - d
}

func mustBuild(t *testing.T, edit func(*Settings), sections ...string) *rig {
	t.Helper()
	r, err := build(t, edit, sections...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
