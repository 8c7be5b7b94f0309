package serve

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/metric"
)

// Control is the descriptor of the control socket.
const Control = 3

// server is a worker process that holds one plugin.
type server struct {
	plugin  *Plugin
	control *socket

	mu        sync.Mutex
	instances map[uint32]*served
}

// served is an instance with what its lanes need.
type served struct {
	*Instance
	id    uint32
	leave func()        // closes gone
	gone  chan struct{} // closed when nothing more is collected, for a collect that waits
}

// Serve answers the agent until it goes away, and ends the process then. loading is the number of the
// agent's OpLoad when that was received already, or 0.
func Serve(control int, p *Plugin, loading uint32) {
	s := &server{plugin: p, control: &socket{fd: control}, instances: map[uint32]*served{}}
	if loading != 0 {
		s.reply(s.load(wire.Frame{Op: wire.OpLoad, Seq: loading, Inst: wire.NoInstance, Off: wire.Version}))
	}
	requests := make(chan packet)
	go s.listen(requests)
	for p := range requests {
		s.reply(s.answer(p))
	}
	s.closeAll()
	os.Exit(0)
}

// listen notices the agent's end also while a request is at work: what does not end within a second is left.
func (s *server) listen(requests chan<- packet) {
	defer close(requests)
	for {
		p, ok := s.control.receive()
		if !ok {
			time.AfterFunc(time.Second, func() { os.Exit(0) })
			return
		}
		requests <- p
	}
}

func (s *server) reply(f wire.Frame, payload []byte) {
	if len(payload) > wire.MaxPayload {
		payload = payload[:wire.MaxPayload]
	}
	s.control.send(f, payload)
}

// answer serves one request of the control socket.
func (s *server) answer(p packet) (wire.Frame, []byte) {
	f := p.frame
	in := s.find(f.Inst)
	level := int(f.Flags)
	size := f.Len
	f.RC, f.Flags, f.Len = 0, 0, 0
	switch f.Op {
	case wire.OpLoad:
		return s.load(f)
	case wire.OpInit, wire.OpCheck:
		return s.open(f, level, p.fds, size)
	case wire.OpLane:
		f.RC = s.addLane(p.fds, size)
	case wire.OpSettle:
		if in != nil && in.source != nil {
			in.source.settle(f.Off, outcome(p.frame.RC))
		}
		f.Off = 0
	case wire.OpPause:
		if in != nil {
			in.leave()
		}
	case wire.OpMetrics:
		return f, in.metrics()
	case wire.OpExit:
		if in != nil {
			s.close(in)
		}
	}
	return f, nil
}

func (s *server) load(f wire.Frame) (wire.Frame, []byte) {
	d := wire.Encode(s.plugin.Declaration())
	text := append(d, 0)
	if f.Off != wire.Version {
		f.RC = -1
		text = fmt.Appendf(nil, "it speaks version %d of the worker protocol and this agent version %d; build it again with this agent's SDK\x00", wire.Version, f.Off)
	}
	f.Off, f.Inst, f.Flags, f.Len = wire.Version, uint32(s.plugin.Type), wire.FlagTyped, uint64(len(text))
	return f, text
}

// open makes an instance, or only looks at its section.
func (s *server) open(f wire.Frame, level int, fds []int, size uint64) (wire.Frame, []byte) {
	fail := func(err error) (wire.Frame, []byte) {
		f.RC = abi.Error
		fmt.Fprintf(os.Stderr, "\x00sync %d\n", f.Seq) // the agent has now read all that was printed
		return f, wire.Encode(wire.Faults(err))
	}
	section, err := readSection(fds, size)
	if err != nil {
		return fail(err)
	}
	in, err := s.plugin.New(section, printer{s.control, f.Inst, level})
	if err == nil && f.Op == wire.OpInit {
		err = in.Start()
	}
	if err != nil {
		return fail(err)
	}
	if f.Op == wire.OpInit {
		s.mu.Lock()
		gone := make(chan struct{})
		s.instances[f.Inst] = &served{in, f.Inst, sync.OnceFunc(func() { close(gone) }), gone}
		s.mu.Unlock()
	}
	f.RC = abi.OK
	return f, nil
}

// metrics encodes what the instance counts; more than a packet holds is left out.
func (in *served) metrics() []byte {
	if in == nil {
		return nil
	}
	var set metric.Set
	if err := guard(func() error { in.meter.Collect(&set, time.Now()); return nil }); err != nil { // functions of the plugin
		in.log.Error("its metrics: " + err.Error())
		return nil
	}
	for len(set.Families) > 0 {
		if b := metric.Append(nil, &set); len(b) <= wire.MaxPayload {
			return b
		}
		set.Families = set.Families[:len(set.Families)-1]
	}
	return nil
}

func readSection(fds []int, size uint64) (section wire.Section, err error) {
	if len(fds) != 1 {
		return section, fmt.Errorf("BUG: %d descriptors with a section", len(fds))
	}
	file := os.NewFile(uintptr(fds[0]), "section")
	defer file.Close()
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		return section, fmt.Errorf("read the configuration: %w", err)
	}
	if err := json.Unmarshal(b, &section); err != nil {
		return section, fmt.Errorf("read the configuration: %w", err)
	}
	return section, nil
}

func (s *server) find(id uint32) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.instances[id]
}

func (s *server) close(in *served) {
	s.mu.Lock()
	delete(s.instances, in.id)
	s.mu.Unlock()
	in.leave()
	in.Close()
}

func (s *server) closeAll() {
	s.mu.Lock()
	var all []*served
	for _, in := range s.instances {
		all = append(all, in)
	}
	s.mu.Unlock()
	for _, in := range all {
		s.close(in)
	}
}

// printer sends an instance's log lines.
type printer struct {
	to    *socket
	inst  uint32
	level int
}

// Enabled implements [Printer].
func (p printer) Enabled(level int) bool { return level <= p.level }

// Print implements [Printer].
func (p printer) Print(level int, line string) {
	if len(line) > wire.MaxPayload {
		line = strings.ToValidUTF8(line[:wire.MaxPayload], "")
	}
	p.to.send(wire.Frame{Op: wire.OpLog, Inst: p.inst, RC: int32(level)}, []byte(line))
}
