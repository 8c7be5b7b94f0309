package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
)

// Options are what the agent decides for a module.
type Options struct {
	Log       *slog.Logger    // for what belongs to no instance; slog.Default() when nil
	HotReload bool            // told to the plugin: the agent reloads, it does not start
	Grace     time.Duration   // how long an instance's Exit may take; 5 s when 0
	Restarts  *metric.Counter // of workers that took a dead one's place; nobody's when nil
}

const (
	controlTimeout = 30 * time.Second // for requests that run none of the plugin's slow functions
	defaultGrace   = 5 * time.Second
	slowFlush      = time.Minute // a flush that takes longer is warned about
	maxBackoff     = time.Minute
	healthy        = time.Minute // after so long a life the backoff starts again
)

// Module is one plugin file with its worker, which starts with the first instance that does. All methods
// may be called from several goroutines.
type Module struct {
	info    Info
	opts    Options
	log     *slog.Logger
	backoff time.Duration // the first wait that is not 0

	gate     gate
	suspects suspects
	words    capture

	life sync.Mutex // starting, ending and initialising happen one at a time

	mu          sync.Mutex
	proc        *process
	instances   []*instance
	starting    *instance // its first Init runs
	nextID      uint32
	masks       map[string]*strings.Replacer // hide the secrets of all instances that there ever were, by their names
	changed     chan struct{}                // closed when an instance got or lost its worker
	halt        context.CancelFunc           // ends the supervisor; nil while there is none
	done        chan struct{}                // closed when the supervisor has ended
	closed      bool
	memoryLimit int64
	maxProcs    int
}

// New returns the module of a probed file. It starts nothing.
func New(info Info, opts Options) *Module {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Grace <= 0 {
		opts.Grace = defaultGrace
	}
	if opts.Restarts == nil {
		opts.Restarts = new(metric.Counter)
	}
	return &Module{
		info:    info,
		opts:    opts,
		log:     opts.Log,
		backoff: time.Second,
		changed: make(chan struct{}),
		masks:   map[string]*strings.Replacer{},
	}
}

// Info returns what the probe found.
func (m *Module) Info() Info { return m.info }

// errClosed is for requests to a module that was closed.
var errClosed = errors.New("the plugin was stopped")

// start gives an instance its place in the worker, which it starts if need be.
func (m *Module) start(ctx context.Context, i *instance) error {
	for {
		wait, err := m.tryStart(ctx, i)
		if wait == nil {
			return err
		}
		select { // the worker is being replaced
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryStart returns a channel to wait for when the worker is down just now.
func (m *Module) tryStart(ctx context.Context, i *instance) (wait chan struct{}, _ error) {
	m.life.Lock()
	defer m.life.Unlock()
	m.mu.Lock()
	p, halt, changed, closed := m.proc, m.halt, m.changed, m.closed
	m.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case halt == nil:
		var err error
		if p, err = m.spawn(ctx); err != nil {
			return nil, fmt.Errorf("plugin %s: %w", m.info.Path, err)
		}
		m.adopt(p)
	case p == nil || !p.alive():
		return changed, nil
	}
	m.mu.Lock()
	i.id = m.nextID
	m.nextID++
	m.starting = i
	m.mu.Unlock()
	m.words.begin()
	l, err := m.bind(ctx, p, i)
	words := m.words.end()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.starting = nil
	if faults := (*faultsError)(nil); errors.As(err, &faults) {
		return nil, err
	}
	if err != nil {
		return nil, &option.Error{Pos: position(i.env.Properties), Msg: fmt.Sprintf("plugin %s (%s): %v%s", i.env.Name, m.info.Path, err, quote(words))}
	}
	m.instances = append(m.instances, i)
	m.setLinkLocked(i, l)
	return nil, nil
}

// adopt makes p the module's worker and has it watched.
func (m *Module) adopt(p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proc = p
	ctx, halt := context.WithCancel(context.Background())
	m.halt, m.done = halt, make(chan struct{})
	go m.supervise(ctx, p, m.done)
}

func (m *Module) setLinkLocked(i *instance, l *link) {
	i.link = l
	m.wakeLocked()
}

func (m *Module) wakeLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// spawn starts a worker and loads the file.
func (m *Module) spawn(ctx context.Context) (*process, error) {
	var env []string
	if os.Getenv("GOGC") == "" {
		// A chunk is as large as the heap at which Go would collect first: with its default a worker spends
		// a third of its time on that. This costs some 10 MB under load and nothing at rest.
		env = append(env, "GOGC=400")
	}
	m.mu.Lock()
	if m.memoryLimit > 0 {
		env = append(env, fmt.Sprintf("GOMEMLIMIT=%d", m.memoryLimit))
	}
	if m.maxProcs > 0 {
		env = append(env, fmt.Sprintf("GOMAXPROCS=%d", m.maxProcs))
	}
	m.mu.Unlock()
	p, err := spawn(launch{path: m.info.Path, executable: m.info.Executable, typed: m.info.Typed != nil, env: env, stdout: os.Stdout, onLine: m.stderrLine, onLog: m.logLine})
	if err != nil {
		return nil, err
	}
	info, err := p.load(ctx, m.info.Path, m.opts.HotReload)
	if err == nil && (info.Type != m.info.Type || info.Name != m.info.Name) {
		err = fmt.Errorf("the file has changed: it holds the %s '%s' now, and not the %s '%s'; reload the configuration", info.Type, info.Name, m.info.Type, m.info.Name)
	}
	if err != nil {
		p.kill("it is of no use")
		<-p.exited
		p.ctl.Close()
		return nil, explainLoad(err)
	}
	return p, nil
}

// bind makes an instance in p: its lanes, its Init, and its PreRun if that was due before.
func (m *Module) bind(ctx context.Context, p *process, i *instance) (*link, error) {
	l, err := m.makeLink(ctx, p, i)
	if err != nil {
		return nil, err
	}
	if err := m.init(ctx, p, i); err != nil {
		l.release()
		return nil, err
	}
	m.mu.Lock()
	ran := i.ran
	m.mu.Unlock()
	if ran {
		if err := m.preRun(ctx, p, i); err != nil {
			l.release()
			return nil, err
		}
	}
	return l, nil
}

func (m *Module) makeLink(ctx context.Context, p *process, i *instance) (*link, error) {
	l := &link{p: p}
	n := i.lanes()
	var err error
	switch {
	case m.info.Type == Custom:
	case n > 0:
		l.own = true
		l.pool, err = newPool(ctx, p, n)
	default:
		if p.shared == nil {
			p.shared, err = newPool(ctx, p, 1)
		}
		l.pool = p.shared
	}
	return l, err
}

func (l *link) release() {
	if l.own {
		l.pool.close()
	}
}

// init calls FLBPluginInit.
func (m *Module) init(ctx context.Context, p *process, i *instance) error {
	if m.info.Typed != nil {
		return m.submit(ctx, p, i, wire.OpInit)
	}
	f, asked, err := i.configure(ctx, p, wire.OpInit, i.properties())
	if err != nil {
		return err
	}
	if f.RC <= 0 {
		p.stderr.sync(f.Seq, 500*time.Millisecond)
		return fmt.Errorf("its Init failed (it returned %d)", f.RC)
	}
	i.warnUnasked(strings.Split(strings.TrimSuffix(string(asked), "\x00"), "\x00"))
	return nil
}

// configure hands the instance's properties to p, as op wants them.
func (i *instance) configure(ctx context.Context, p *process, op wire.Op, props []byte) (wire.Frame, []byte, error) {
	fd, err := sharedFile(int64(len(props)))
	if err != nil {
		return wire.Frame{}, nil, err
	}
	defer closeFD(fd)
	if err := writeAll(fd, props); err != nil {
		return wire.Frame{}, nil, fmt.Errorf("hand the properties to the worker: %w", err)
	}
	f := wire.Frame{Op: op, Inst: i.id, Flags: i.logLevel(), Len: uint64(len(props))}
	return p.call(ctx, f, "", i.set.initTimeout, fd)
}

func (m *Module) preRun(ctx context.Context, p *process, i *instance) error {
	f := wire.Frame{Op: wire.OpPreRun, Inst: i.id, Flags: m.reloadFlag()}
	ctx = context.WithoutCancel(ctx) // its end must not cost the worker
	f, _, err := p.call(ctx, f, "", i.set.initTimeout)
	if err == nil && f.RC < 0 {
		err = fmt.Errorf("its PreRun failed (it returned %d)", f.RC)
	}
	return err
}

func (m *Module) reloadFlag() uint32 {
	if m.opts.HotReload {
		return wire.FlagHotReload
	}
	return 0
}

// linkOf returns the instance's place in a living worker, and waits while there is none.
func (m *Module) linkOf(ctx context.Context, i *instance) (*link, error) {
	for {
		m.mu.Lock()
		l, changed, gone := i.link, m.changed, i.gone || m.closed
		m.mu.Unlock()
		if gone {
			return nil, errClosed
		}
		if l != nil && l.p.alive() {
			return l, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stderrLine logs what the plugin printed.
func (m *Module) stderrLine(line string) {
	line = m.hide(line)
	m.words.add(line)
	m.loggerOf(wire.NoInstance).Info(line)
}

// hide hides secrets in what the worker printed. Nobody knows for which instance it did, and it may be one that
// was only looked at, or has just been closed.
func (m *Module) hide(text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mask := range m.masks {
		text = mask.Replace(text)
	}
	return text
}

// logLine logs what the plugin said through log_print.
func (m *Module) logLine(inst uint32, level int, line string) {
	line = m.hide(line)
	m.words.add(line)
	m.loggerOf(inst).Log(context.Background(), slogLevel(level), strings.TrimRight(line, "\n"))
}

// loggerOf returns the logger of an instance, or of the module when nobody knows which one it is.
func (m *Module) loggerOf(inst uint32) *slog.Logger {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := m.starting; i != nil && (inst == i.id || inst == wire.NoInstance) {
		return i.env.Log
	}
	if inst == wire.NoInstance && len(m.instances) == 1 {
		return m.instances[0].env.Log
	}
	for _, i := range m.instances {
		if i.id == inst {
			return i.env.Log
		}
	}
	return m.log
}

// capture keeps what a plugin says while its Init runs.
type capture struct {
	mu    sync.Mutex
	on    bool
	lines []string
}

func (c *capture) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.lines = true, nil
}

func (c *capture) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on && len(c.lines) < 40 {
		c.lines = append(c.lines, line)
	}
}

func (c *capture) end() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on = false
	return c.lines
}
