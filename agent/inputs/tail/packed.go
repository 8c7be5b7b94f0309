package tail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// packed reads a compressed file as the text in it, and offsets are places in the text. When one is wanted
// that was passed, or when the file has grown after its end was met, it is unpacked again from its
// beginning. It belongs to the reader, but for size.
type packed struct {
	fd   int
	name string
	open func(io.Reader) (io.Reader, error)

	text    io.Reader // nil before the beginning and behind the end
	window  []byte    // what was unpacked …
	at      int64     // … from this place of the text on
	over    bool      // there is no more text in the file as it is
	trouble error     // for this reason, unless it just ends

	size atomic.Int64 // of the file when it was over
	last int64        // of the file when it was looked at last
}

// unpacker returns what unpacks the file at path, or nil for one that is not compressed.
func unpacker(path string) func(io.Reader) (io.Reader, error) {
	switch name := strings.ToLower(path); {
	case strings.HasSuffix(name, ".gz"):
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case strings.HasSuffix(name, ".zst"):
		return func(r io.Reader) (io.Reader, error) {
			return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
		}
	}
	return nil
}

// unpackRead is how much text is unpacked at once.
const unpackRead = 32 << 10

// readAt reads text until b is full or there is no more.
func (p *packed) readAt(b []byte, at int64) int {
	if at < p.at || p.over && p.ripe() {
		p.rewind()
	}
	for p.at < at && (len(p.window) > 0 || p.more()) {
		n := min(at-p.at, int64(len(p.window)))
		p.window, p.at = p.window[n:], p.at+n
	}
	if p.at < at {
		return 0
	}
	for len(p.window) < len(b) && p.more() {
	}
	if p.over {
		p.window = bytes.Clone(p.window) // the rest of what it is in is not needed any more
	}
	return copy(b, p.window)
}

// rewind begins anew.
func (p *packed) rewind() {
	p.let()
	p.window, p.at, p.over, p.trouble = nil, 0, false, nil
}

// let lets go of what unpacks.
func (p *packed) let() {
	if z, ok := p.text.(*zstd.Decoder); ok {
		z.Close()
	}
	p.text = nil
}

// more unpacks some more text; it reports false when there is none.
func (p *packed) more() bool {
	if p.over {
		return false
	}
	if p.text == nil {
		text, err := p.open(&raw{fd: p.fd})
		if err != nil {
			p.end(err)
			return false
		}
		p.text = text
	}
	p.window = slices.Grow(p.window, unpackRead)
	n, err := p.text.Read(p.window[len(p.window) : len(p.window)+unpackRead])
	p.window = p.window[:len(p.window)+n]
	if err != nil {
		p.end(err)
	}
	return err == nil || n > 0
}

// end notes that err ended the text.
func (p *packed) end(err error) {
	p.let()
	p.over = true
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // unless it is not all written yet
		p.trouble = fmt.Errorf("unpacking %s behind byte %d of its text: %w", p.name, p.at+int64(len(p.window)), err)
	}
	p.last = p.now()
	p.size.Store(p.last)
}

// ripe reports whether a file that was over is worth being unpacked again: it has become twice as large, or
// has another size and is no longer written.
func (p *packed) ripe() bool {
	was, now := p.last, p.now()
	p.last = now
	return now != p.size.Load() && (now == was || now/2 >= p.size.Load() || now < p.size.Load())
}

func (p *packed) now() int64 {
	var st unix.Stat_t
	if unix.Fstat(p.fd, &st) != nil {
		return p.size.Load()
	}
	return st.Size
}

// raw reads a descriptor from its beginning.
type raw struct {
	fd int
	at int64
}

func (r *raw) Read(b []byte) (int, error) {
	for {
		n, err := unix.Pread(r.fd, b, r.at)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		r.at += int64(n)
		return n, nil
	}
}
