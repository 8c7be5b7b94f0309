package tail

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// largest is the most that buffer_max_size can be.
const largest = 1 << 30

// defaultWatch is what watcher_interval is unless it is set.
const defaultWatch = 2 * time.Second

// New checks the settings.
func (c *config) New(env plugin.Env) (plugin.Input, error) {
	in := &input{config: *c, env: env, counters: newCounters(env.Metrics)}
	err := errors.Join(in.checkPaths(), in.checkSizes(), in.checkParser(), in.checkJoin(), in.checkEncoding())
	if err != nil {
		return nil, err
	}
	return in, nil
}

// fault is an error at the place where key is set.
func (in *input) fault(key, msg, cure string) error {
	v, _ := option.Lookup(in.env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: key + ": " + msg, Cure: cure}
}

func (in *input) checkPaths() error {
	var errs []error
	home := os.Getenv("HOME")
	for _, p := range in.path {
		g, err := compileGlob(p, home)
		if err != nil {
			errs = append(errs, in.fault("path", err.Error(), "close the bracket, or put a backslash before it"))
			continue
		}
		in.globs = append(in.globs, g)
	}
	if len(in.path) == 0 {
		errs = append(errs, in.fault("path", "the list is empty", "give the path of a file, or a pattern"))
	}
	for _, p := range in.exclude {
		re, err := compilePattern(p, true)
		if err != nil {
			errs = append(errs, in.fault("exclude_path", err.Error(), "close the bracket, or put a backslash before it"))
			continue
		}
		in.excluded = append(in.excluded, re)
	}
	in.tags = tagger{tag: in.env.Tag}
	if in.tagRegex != "" {
		re, err := regex.Compile(in.tagRegex)
		if err != nil {
			errs = append(errs, in.fault("tag_regex", err.Error(), "correct the regular expression"))
		} else if err := in.tags.use(re); err != nil {
			errs = append(errs, in.fault("tag_regex", err.Error(), "name the groups of tag_regex as the tag does: (?<name>...)"))
		}
	}
	return errors.Join(errs...)
}

func (in *input) checkSizes() error {
	var errs []error
	if in.chunkSize < 1 {
		errs = append(errs, in.fault("buffer_chunk_size", "must be positive", "leave it out for 32768"))
	}
	if in.maxSize < in.chunkSize {
		errs = append(errs, in.fault("buffer_max_size", fmt.Sprintf("%d bytes are less than buffer_chunk_size, %d bytes", in.maxSize, in.chunkSize), "raise it, or lower buffer_chunk_size"))
	}
	if in.maxSize > largest {
		errs = append(errs, in.fault("buffer_max_size", fmt.Sprintf("%d bytes are too many", in.maxSize), fmt.Sprintf("give at most %d", largest)))
	}
	in.staticBatch, in.eventBatch = max(1, in.staticBatch), max(1, in.eventBatch) // 0 is one read at a time
	if in.watch == 0 {
		in.watch = defaultWatch
	}
	if in.skipLong && in.truncateLong {
		in.env.Log.Debug("truncate_long_lines is on: skip_long_lines has no effect")
	}
	return errors.Join(errs...)
}

func (in *input) checkParser() error {
	in.lines.config = &in.config
	if in.parser == "" {
		return nil
	}
	p, ok := in.env.Parser(in.parser)
	if !ok {
		return in.fault("parser", fmt.Sprintf("there is no parser '%s'", in.parser), "define it, or name the file that does with parsers_file")
	}
	in.lines.parser = p
	return nil
}
