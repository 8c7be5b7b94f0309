package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

type settings struct {
	function string
	paths    []string
	heap     int64
	bounds
}

// bounds keep a module from taking the agent along.
type bounds struct {
	call  time.Duration // how long one call may take
	pages uint32        // of 64 KiB, how much memory it may have
}

// limits are far beyond what looking at one record needs.
var limits = bounds{call: 5 * time.Second, pages: 2048}

const page = 64 << 10

// exitTimeout is the exit code of a module that took too long.
const exitTimeout = 0xf1b

var (
	errTime    = errors.New("it took too long, it may loop for ever; it was ended after 5 seconds and started anew")
	errMemory  = errors.New("the module has no memory left for the record; 128 MB are allowed")
	errAddress = errors.New("it returned an address outside of its memory")
)

// module is a WebAssembly module at work. When it has ended, by itself or because it took too long, the next
// call starts it anew.
type module struct {
	settings
	runtime  wazero.Runtime
	compiled wazero.CompiledModule

	mu     sync.Mutex // guards inst against the watch
	inst   api.Module // nil: to be started
	fn     api.Function
	malloc api.Function
	free   api.Function
	own    region
	lent   uint32 // what malloc gave for the last call
	stack  [6]uint64
	calls  atomic.Uint64
}

// region is memory that was added to the module's for what its function is given.
type region struct{ at, size uint32 }

// load compiles the module and starts it, so that faults show at once.
func load(ctx context.Context, code []byte, s settings) (*module, error) {
	conf := wazero.NewRuntimeConfig().WithCloseOnContextDone(true).WithMemoryLimitPages(s.pages)
	m := &module{settings: s, runtime: wazero.NewRuntimeWithConfig(ctx, conf)}
	err := m.prepare(ctx, code)
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func (m *module) prepare(ctx context.Context, code []byte) (err error) {
	if _, err = wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return err
	}
	if m.compiled, err = m.runtime.CompileModule(ctx, code); err != nil {
		return fmt.Errorf("the module does not compile: %w", err)
	}
	if err := m.check(); err != nil {
		return err
	}
	return m.start(ctx)
}

// check looks at what the module exports.
func (m *module) check() error {
	def, ok := m.compiled.ExportedFunctions()[m.function]
	if !ok {
		return fmt.Errorf("the module exports no function '%s'; 'function_name' names the one to call", m.function)
	}
	params, results := def.ParamTypes(), def.ResultTypes()
	fits := len(params) == 6 && len(results) == 1
	for _, t := range append(params, results...) {
		fits = fits && (t == api.ValueTypeI32 || t == api.ValueTypeI64)
	}
	if !fits {
		return fmt.Errorf("the function '%s' must take six integers (tag, its length, seconds, nanoseconds, record, its length) and return one, the address of a record", m.function)
	}
	if len(m.compiled.ExportedMemories()) == 0 {
		return errors.New("the module exports no memory")
	}
	return nil
}

// start makes an instance: it runs _initialize, or _start of a module that is a program.
func (m *module) start(ctx context.Context) error {
	exports := m.compiled.ExportedFunctions()
	first := ""
	if _, ok := exports["_initialize"]; ok {
		first = "_initialize"
	} else if _, ok := exports["_start"]; ok {
		first = "_start"
	}
	ctx, cancel := context.WithTimeout(ctx, m.bounds.call)
	defer cancel()
	inst, err := m.instantiate(ctx, first)
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 && first == "_start" {
		inst, err = m.instantiate(ctx, "") // its main function is over, and took the instance along
	}
	if err != nil {
		return fmt.Errorf("start the module: %w", m.explain(err))
	}
	m.mu.Lock()
	m.inst = inst
	m.mu.Unlock()
	m.fn, m.own, m.lent = inst.ExportedFunction(m.function), region{}, 0
	m.malloc, m.free = inst.ExportedFunction("malloc"), inst.ExportedFunction("free")
	return nil
}

func (m *module) instantiate(ctx context.Context, first string) (api.Module, error) {
	files := wazero.NewFSConfig()
	for _, dir := range m.paths {
		files = files.WithDirMount(dir, dir)
	}
	conf := wazero.NewModuleConfig().WithName("").WithStdout(os.Stdout).WithStderr(os.Stderr).
		WithSysWalltime().WithSysNanotime().WithFSConfig(files).WithStartFunctions(first)
	if first == "" {
		conf = conf.WithStartFunctions()
	}
	return m.runtime.InstantiateModule(ctx, m.compiled, conf)
}

func (m *module) close() error { return m.runtime.Close(context.Background()) }

// call returns the module's memory from the address on that the function returned, or nil for address 0.
func (m *module) call(ctx context.Context, tag string, t event.Time, record []byte) ([]byte, error) {
	ctx = context.WithoutCancel(ctx) // a call that is under way when the agent stops is not cut off
	if m.inst == nil || m.inst.IsClosed() {
		if err := m.start(ctx); err != nil {
			return nil, err
		}
	}
	m.calls.Add(1)
	at, err := m.give(ctx, tag, record)
	if err != nil {
		return nil, m.explain(err)
	}
	m.stack = [6]uint64{uint64(at), uint64(len(tag)), uint64(uint32(t.Sec)), uint64(t.Nsec), uint64(at) + uint64(len(tag)) + 1, uint64(len(record))}
	err = m.fn.CallWithStack(ctx, m.stack[:])
	result := uint32(m.stack[0])
	if err != nil {
		return nil, m.explain(err)
	}
	if result == 0 {
		return nil, nil
	}
	mem := m.inst.Memory()
	out, ok := mem.Read(result, max(result, mem.Size())-result)
	if !ok || len(out) == 0 {
		return nil, errAddress
	}
	return out, nil
}

// give puts tag and record, each with a zero behind it, into the module's memory.
func (m *module) give(ctx context.Context, tag string, record []byte) (at uint32, err error) {
	size := uint32(len(tag) + 1 + len(record) + 1)
	if m.malloc != nil {
		if m.lent != 0 && m.free != nil { // not sooner: what was returned may be what was given
			if _, err := m.free.Call(ctx, uint64(m.lent)); err != nil {
				return 0, err
			}
		}
		got, err := m.malloc.Call(ctx, uint64(size))
		if err != nil {
			return 0, err
		}
		at = uint32(got[0])
		m.lent = at
	} else if at, err = m.room(size); err != nil {
		return 0, err
	}
	mem := m.inst.Memory()
	end := at + uint32(len(tag))
	if at == 0 || !mem.WriteString(at, tag) || !mem.WriteByte(end, 0) || !mem.Write(end+1, record) || !mem.WriteByte(at+size-1, 0) {
		return 0, errMemory
	}
	return at, nil
}

// room is memory of our own for modules that have no malloc.
func (m *module) room(size uint32) (uint32, error) {
	if size <= m.own.size {
		return m.own.at, nil
	}
	pages := (max(size, uint32(min(m.heap, 1<<30))) + page - 1) / page
	old, ok := m.inst.Memory().Grow(pages)
	if !ok {
		return 0, errMemory
	}
	m.own = region{old * page, pages * page}
	return m.own.at, nil
}

// explain makes an error for the log: of a trap only what happened, not the stack.
func (m *module) explain(err error) error {
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		if exit.ExitCode() == exitTimeout || exit.ExitCode() == sys.ExitCodeDeadlineExceeded {
			return errTime
		}
		return fmt.Errorf("it ended with exit code %d and was started anew", exit.ExitCode())
	}
	what, _, stack := strings.Cut(err.Error(), "\n")
	if stack {
		return errors.New(what)
	}
	return err
}

// watch ends the instance when one call takes longer than it may, until done is called.
func (m *module) watch() (done func()) {
	var (
		mu    sync.Mutex
		over  bool
		last  = m.calls.Load()
		since = time.Now()
		timer *time.Timer
	)
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		if calls := m.calls.Load(); calls != last {
			last, since = calls, time.Now()
		} else if time.Since(since) >= m.bounds.call {
			m.mu.Lock()
			if m.inst != nil {
				_ = m.inst.CloseWithExitCode(context.Background(), exitTimeout)
			}
			m.mu.Unlock()
		}
		timer.Reset(m.bounds.call / 4)
	}
	mu.Lock()
	timer = time.AfterFunc(m.bounds.call/4, look)
	mu.Unlock()
	return func() {
		mu.Lock()
		over = true
		timer.Stop()
		mu.Unlock()
	}
}
