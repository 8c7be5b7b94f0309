// Package stdin is the input stdin: records from standard input, until it ends; then the agent ends as
// well.
//
// Without a parser it takes JSON values that follow each other, with or without blanks and line ends between
// them and inside, and commas between them: a map, [time, map], or [[time, metadata], map], with the time in
// seconds. With a parser it takes lines, or whatever the parser finds when it can look for records itself.
//
// What is no record costs its own line only. It is logged and counted.
package stdin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input stdin.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "stdin",
	Summary: "Records from standard input",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const (
	// smallest is the least buffer_size that Fluent Bit takes.
	smallest = 16000
	// longest is where an unfinished record or line is given up.
	longest = 64 << 20
)

type config struct {
	parser string
	buffer int64
	fd     int // of standard input
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.String("parser", &c.parser).
			Help("Name of the parser that turns the lines into records; without one they are JSON."),
		option.Size("buffer_size", &c.buffer).Default("64000").
			Help("How much is read at once, at least 16000 bytes. Longer records are taken as well."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if c.buffer < smallest || c.buffer > longest {
		v, _ := option.Lookup(env.Properties, "buffer_size")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("buffer_size: %d bytes are out of range", c.buffer), Cure: fmt.Sprintf("give %d to %d bytes", smallest, longest)}
	}
	in := &input{env: env, size: int(c.buffer), fd: c.fd, bad: rejects{log: env.Log}}
	if c.parser == "" {
		in.records = &values{bad: &in.bad, longest: longest}
		return in, nil
	}
	p, ok := env.Parser(c.parser)
	if !ok {
		v, _ := option.Lookup(env.Properties, "parser")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("parser: there is no parser '%s'", c.parser), Cure: "define it, or name the file that does with parsers_file"}
	}
	in.records = &lines{parser: p, bad: &in.bad, longest: longest}
	if s, ok := p.(plugin.StreamParser); ok {
		in.records = &stream{parser: s, bad: &in.bad, patience: smallest, longest: longest}
	}
	return in, nil
}

// decoder takes records off the front of buf, adds them to b and returns how many bytes it is done with.
// The rest comes again, with more behind it. After atEnd nothing comes, so all of buf is used up.
type decoder interface {
	decode(b *event.Batch, buf []byte, atEnd bool) (used int)
}

type input struct {
	env     plugin.Env
	size    int
	fd      int
	src     *source
	records decoder
	bad     rejects
}

// Start takes hold of standard input without reading anything.
func (in *input) Start(context.Context) (err error) {
	in.src, err = open(in.fd)
	return err
}

func (in *input) Close() error {
	if in.src == nil {
		return nil
	}
	return in.src.close()
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	defer context.AfterFunc(ctx, in.src.interrupt)()
	defer in.bad.sum()
	buf := make([]byte, 0, in.size)
	for {
		n, err := in.src.read(buf[len(buf):cap(buf)])
		if errors.Is(err, errInterrupted) {
			in.left(len(buf))
			return nil
		}
		buf = buf[:len(buf)+n]
		b := event.New(in.env.Tag)
		used := in.records.decode(b, buf, err != nil)
		if b.Len() > 0 {
			if err := to.Emit(ctx, b); err != nil {
				return unlessOver(ctx, err)
			}
		}
		if err != nil {
			return in.end(err)
		}
		buf = keep(buf, used, in.size)
	}
}

// keep moves what is left to the front and makes room for at least half a read. A buffer that has grown
// for one long record shrinks again.
func keep(buf []byte, used, size int) []byte {
	rest := buf[used:]
	want := size
	if len(rest) > size/2 {
		want = len(rest) * 2
	}
	if want != cap(buf) && (want > cap(buf) || cap(buf) > 4*want) {
		return append(make([]byte, 0, want), rest...)
	}
	return buf[:copy(buf, rest)]
}

// end stops the agent, since nothing more can come.
func (in *input) end(err error) error {
	if err == io.EOF {
		in.env.Log.Info("end of standard input; the agent stops")
		in.env.Stop(0)
		return nil
	}
	in.env.Stop(1)
	return fmt.Errorf("reading standard input: %w; the agent stops", err)
}

func (in *input) left(n int) {
	if n > 0 {
		in.env.Log.Warn("stopped in the middle of a record on standard input; its beginning is lost", "bytes", n)
	}
}

func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
