package tail

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// block is a run of whole lines of one file on its way to the pipeline.
type block struct {
	buf      []byte // room for the mark and the text
	piece    piece
	skipping bool // of piece: a block begins and ends with lines
	end      point
	batch    *event.Batch
	r        result
	parsed   chan struct{} // holds one when batch and r are there
}

// before is what was read up to the end of what was used.
func (b *block) before() []byte { return b.buf[:len(b.buf)-cap(b.piece.text)+b.r.used] }

// convoy reads a file that has much to give: one goroutine reads blocks of whole lines, others make records
// of them at the same time, and one emits these in the file's order.
type convoy struct {
	*input
	file        *file
	free        chan *block
	parse, emit chan *block
	over        atomic.Bool // nothing more can be emitted …
	err         error       // … for this reason …
	stopped     *block      // … or because of this one's line that is too long
}

// readAhead reads up to most bytes of f and returns when all that was read is emitted. It leaves to readOnce
// what needs a look at the text's end: a line longer than a block, the last line of a file.
func (in *input) readAhead(ctx context.Context, to plugin.Emitter, f *file, most int64) (n int64, err error) {
	for len(in.workers) < runtime.GOMAXPROCS(0) {
		in.workers = append(in.workers, lines{config: in.lines.config, parser: in.lines.parser})
	}
	for len(in.blocks) < len(in.workers)+2 {
		in.blocks = append(in.blocks, &block{buf: make([]byte, readSize), parsed: make(chan struct{}, 1)})
	}
	c := &convoy{input: in, file: f}
	c.free, c.parse, c.emit = make(chan *block, len(in.blocks)), make(chan *block, len(in.blocks)), make(chan *block, len(in.blocks))
	for _, b := range in.blocks {
		c.free <- b
	}
	var work sync.WaitGroup
	for i := range in.workers {
		work.Go(func() { c.parseAll(&in.workers[i]) })
	}
	work.Go(func() { c.emitAll(ctx, to) })
	for n < most && !c.over.Load() {
		b := <-c.free
		if !c.fill(b) {
			break
		}
		n += int64(len(b.piece.text))
		c.parse <- b
		c.emit <- b
	}
	close(c.parse)
	close(c.emit)
	work.Wait()
	if b := c.stopped; b != nil {
		f.offset = b.end.at
		f.passed(b.before())
		in.tooLong(f, b.r)
	}
	return n, c.err
}

// fill reads whole lines from the offset on and moves that behind them, or reports false when there are
// none to be had in this way.
func (c *convoy) fill(b *block) bool {
	f := c.file
	back := len(f.before)
	got, err := f.readAt(b.buf, f.offset-int64(back))
	if err != nil || got < back || !bytes.Equal(b.buf[:back], f.before) || f.sizes.shrunk.Load() {
		return false
	}
	text := b.buf[back:got]
	used := f.charset.lines(text)
	if used == 0 {
		return false
	}
	f.seen.Store(f.offset + int64(len(text)))
	b.piece = piece{path: f.path, at: f.offset, text: text[:used], skipping: &b.skipping, charset: f.charset}
	b.batch = event.New(f.tag)
	c.advance(f, b.buf[:back+used], used)
	b.end = point{f.offset, f.mark}
	return true
}

// parseAll makes records of the blocks that come.
func (c *convoy) parseAll(l *lines) {
	for b := range c.parse {
		b.r = l.append(b.batch, b.piece)
		b.parsed <- struct{}{}
	}
}

// emitAll sends off the records of the blocks in their order, and forgets those behind a failure.
func (c *convoy) emitAll(ctx context.Context, to plugin.Emitter) {
	for b := range c.emit {
		<-b.parsed
		if !c.over.Load() {
			c.emitBlock(ctx, to, b)
		}
		if c.stopped != b {
			c.free <- b
		}
	}
}

func (c *convoy) emitBlock(ctx context.Context, to plugin.Emitter, b *block) {
	if b.r.tooLong {
		c.stopped = b
		b.end.at = b.piece.at + int64(b.r.used)
		b.end.mark.set(b.before())
	}
	c.err = c.input.emit(ctx, to, c.file, b.batch, b.end)
	if c.err != nil || b.r.tooLong {
		c.over.Store(true)
		return
	}
	c.tooLong(c.file, b.r)
}
