// Package head is the input head: the beginning of a file, read anew each interval. It suits small files
// that the kernel or a program writes anew, such as /proc/uptime.
//
// A record is {key: text}: the first buf_size bytes, or the first lines together with their ends. With
// split_line it is {"line0": text, "line1": text, …} without the ends, empty for lines that are not there.
// With add_path it also holds path.
package head

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/ticker"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input head.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "head",
	Summary: "The beginning of a file, again and again",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const (
	// mostBytes is the most that is read of a file, in whatever way.
	mostBytes = 16 << 20
	// splitLines is how many lines are split unless lines says.
	splitLines = 10
	// mostLines keeps the keys of one record within reason.
	mostLines = 1_000_000
)

type config struct {
	file, key      string
	size           int64
	lines          int
	split, addPath bool
	interval       ticker.Interval
}

func (c *config) Options() []option.Option {
	return append([]option.Option{
		option.String("file", &c.file).Required().
			Help("Path of the file."),
		option.String("key", &c.key).Default("head").
			Help("Key of the text in the records."),
		option.Size("buf_size", &c.size).Default("256").
			Help("How many bytes to read, unless lines are asked for."),
		option.Int("lines", &c.lines).Default("0").
			Help("How many lines to read; 0 reads buf_size bytes."),
		option.Switch("split_line", &c.split).Default("false").
			Help("Puts each line under a key of its own, line0 and so on; 10 lines unless lines says otherwise."),
		option.Switch("add_path", &c.addPath).Default("false").
			Help("Adds the path of the file to the records, under the key path."),
	}, c.interval.Options("1")...)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	fault := func(key, msg, cure string) error {
		v, _ := option.Lookup(env.Properties, key)
		return &option.Error{Pos: v.Pos, Msg: key + ": " + msg, Cure: cure}
	}
	var errs []error
	if c.file == "" {
		errs = append(errs, fault("file", "the path is empty", "give the path of a file"))
	}
	if c.size < 1 || c.size > mostBytes {
		errs = append(errs, fault("buf_size", fmt.Sprintf("%d bytes are out of range", c.size), fmt.Sprintf("give 1 to %d bytes", mostBytes)))
	}
	if c.lines > mostLines {
		errs = append(errs, fault("lines", fmt.Sprintf("%d lines are too many", c.lines), fmt.Sprintf("give at most %d", mostLines)))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	in := &input{config: *c, env: env}
	if in.split && in.lines <= 0 {
		in.lines = splitLines
	}
	return in, nil
}

type input struct {
	config
	env plugin.Env
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return ticker.Sampler{Tag: in.env.Tag, Log: in.env.Log, Period: in.interval.Period(time.Second), Sample: in.sample}.Run(ctx, to)
}

func (in *input) sample(b *event.Batch) error {
	f, err := os.Open(in.file)
	if err != nil {
		return fmt.Errorf("reading the head of the file: %w", err)
	}
	defer f.Close()
	var text []byte
	if in.lines > 0 {
		text, err = readLines(f, in.lines)
	} else {
		text, err = io.ReadAll(io.LimitReader(f, in.size))
	}
	if err != nil {
		return fmt.Errorf("reading the head of the file: %w", err)
	}
	if in.split {
		b.Commit(in.appendSplit(b.Begin(event.Now()), text))
	} else {
		b.Commit(in.appendWhole(b.Begin(event.Now()), text))
	}
	return nil
}

// readLines returns the first n lines of r, their ends included.
func readLines(r io.Reader, n int) (text []byte, err error) {
	br := bufio.NewReader(io.LimitReader(r, mostBytes))
	for n > 0 {
		part, err := br.ReadSlice('\n')
		text = append(text, part...)
		switch err {
		case nil:
			n--
		case bufio.ErrBufferFull: // the line goes on
		case io.EOF:
			return text, nil
		default:
			return nil, err
		}
	}
	return text, nil
}

func (in *input) appendWhole(dst, text []byte) []byte {
	n := 1
	if in.addPath {
		n++
	}
	dst = event.AppendMap(dst, n)
	dst = event.AppendStr(event.AppendStr(dst, in.key), text)
	return in.appendPath(dst)
}

// appendSplit puts the path first, as Fluent Bit does.
func (in *input) appendSplit(dst, text []byte) []byte {
	n := in.lines
	if in.addPath {
		n++
	}
	dst = in.appendPath(event.AppendMap(dst, n))
	for i := range in.lines {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		dst = event.AppendStr(event.AppendStr(dst, "line"+strconv.Itoa(i)), line)
	}
	return dst
}

func (in *input) appendPath(dst []byte) []byte {
	if !in.addPath {
		return dst
	}
	return event.AppendStr(event.AppendStr(dst, "path"), in.file)
}
