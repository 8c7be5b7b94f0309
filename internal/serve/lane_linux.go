package serve

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/plugin"
)

// lane is one socket with its memory region; requests on it come one at a time.
type lane struct {
	s      *server
	sock   socket
	region []byte
	held   []byte // data that did not fit the region
	batch  *event.Batch
}

// addLane takes over a socket and a region of size bytes.
func (s *server) addLane(fds []int, size uint64) int32 {
	if len(fds) != 2 {
		return -1
	}
	l := &lane{s: s, sock: socket{fd: fds[0]}}
	if !l.take(fds[1], size) {
		return -1
	}
	go l.serve()
	return 0
}

func (l *lane) take(fd int, size uint64) bool {
	defer syscall.Close(fd)
	region, err := syscall.Mmap(fd, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return false
	}
	l.drop()
	l.region = region
	return true
}

func (l *lane) drop() {
	if l.region != nil {
		_ = syscall.Munmap(l.region) // it was mapped by Mmap
	}
}

func (l *lane) serve() {
	defer l.drop()
	defer syscall.Close(l.sock.fd)
	for {
		p, ok := l.sock.receive()
		if !ok {
			return
		}
		f, payload := l.answer(p)
		if len(payload) > wire.MaxPayload {
			payload = payload[:wire.MaxPayload]
		}
		l.sock.send(f, payload)
	}
}

func (l *lane) answer(p packet) (wire.Frame, []byte) {
	req := p.frame
	f := wire.Frame{Op: req.Op, Seq: req.Seq, Inst: req.Inst}
	if req.Op == wire.OpRegion {
		if len(p.fds) != 1 || !l.take(p.fds[0], req.Len) {
			f.RC = -1
		}
		return f, nil
	}
	in := l.s.find(req.Inst)
	if in == nil || req.Len > uint64(len(l.region)) {
		f.RC = -1
		return f, []byte("BUG: a request for an instance that is gone, or beyond its region")
	}
	switch req.Op {
	case wire.OpFlush:
		return l.flush(f, in, req, string(p.payload))
	case wire.OpFilter:
		return l.filter(f, in, req, string(p.payload))
	case wire.OpCollect:
		return l.collect(f, in)
	case wire.OpFetch:
		l.hand(&f, l.held)
		l.held = nil
	}
	return f, nil
}

func (l *lane) flush(f wire.Frame, in *served, req wire.Frame, tag string) (wire.Frame, []byte) {
	c, bad := l.view(req, tag)
	defer c.Release()
	if bad != nil {
		in.log.Error("a chunk with tag '" + tag + "': " + bad.Error())
	}
	err := in.Flush(c)
	r := plugin.Rejected(err)
	switch {
	case err == nil:
		f.RC = abi.OK
		return f, nil
	case plugin.Poisoned(err):
		f.RC = wire.RCPoison
	case plugin.Dropped(err):
		f.RC = abi.Error
	case r != nil:
		f.RC = wire.RCRejected
		return f, wire.Encode(wire.NewRejects(r.Records, c.Len(), fmt.Sprint(r.Err)))
	default:
		f.RC = abi.Retry
	}
	return f, []byte(err.Error())
}

// index returns the index of the records that came with a request, or nil.
func (l *lane) index(req wire.Frame) []byte {
	at := wire.IndexAt(int(req.Len))
	if req.RC <= 0 || at > len(l.region) || int(req.RC) > len(l.region)-at {
		return nil
	}
	return l.region[at : at+int(req.RC)]
}

func (l *lane) view(req wire.Frame, tag string) (*event.Chunk, error) {
	data := l.region[:req.Len]
	if index := l.index(req); index != nil {
		return event.ViewIndexed(req.Off, tag, data, index)
	}
	return event.View(req.Off, tag, event.Kinds(req.Flags), data)
}

func (l *lane) load(b *event.Batch, req wire.Frame) error {
	data := l.region[:req.Len]
	if index := l.index(req); index != nil {
		return b.LoadIndexed(data, index)
	}
	return b.Load(data)
}

func (l *lane) filter(f wire.Frame, in *served, req wire.Frame, tag string) (wire.Frame, []byte) {
	b := l.batch
	if b == nil {
		b = event.New(tag)
		l.batch = b
	}
	b.Tag, b.Kind = tag, max(event.Kinds(req.Flags), event.Logs)
	if err := l.load(b, req); err != nil {
		in.log.Error("a batch with tag '" + tag + "': " + err.Error())
	}
	f.RC = abi.OK
	var why []byte
	if err := in.Filter(b); err != nil {
		f.RC = abi.Error
		if p := (*panicError)(nil); errors.As(err, &p) {
			f.RC = wire.RCPanic
		}
		why = []byte(err.Error())
	}
	l.hand(&f, b.Bytes())
	if f.RC == abi.OK && b.Tag != tag {
		why = []byte(b.Tag)
	}
	return f, why
}

func (l *lane) collect(f wire.Frame, in *served) (wire.Frame, []byte) {
	b, err := in.Collect(in.gone)
	switch {
	case err != nil:
		f.RC = -1
		return f, []byte(err.Error())
	case b == nil:
		return f, nil
	}
	f.RC = int32(max(b.Kind, event.Logs))
	number, watched := in.source.keep(b)
	f.Off = number
	l.hand(&f, b.Bytes())
	if watched {
		f.Flags |= wire.FlagWatched
	}
	if f.Flags&wire.FlagHeld == 0 {
		b.Release()
	}
	return f, []byte(b.Tag)
}

// hand puts data into the region, or says that it does not fit and keeps it for OpFetch.
func (l *lane) hand(f *wire.Frame, data []byte) {
	f.Len = uint64(len(data))
	if len(data) > len(l.region) {
		l.held = data
		f.Flags |= wire.FlagHeld
		return
	}
	copy(l.region, data)
}

// outcome reads an outcome that came over the wire.
func outcome(rc int32) event.Outcome {
	return min(max(event.Outcome(rc), event.Filtered), event.GivenUp)
}
