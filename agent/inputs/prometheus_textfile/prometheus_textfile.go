// Package prometheus_textfile is the input prometheus_textfile: metrics that other programs leave in files, in
// Prometheus' text format.
package prometheus_textfile

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input prometheus_textfile.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "prometheus_textfile",
	Summary: "Metrics from files in Prometheus' text format",
	Kinds:   event.Metrics,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

// maxFile is how large a file may be.
const maxFile = 64 << 20

type config struct {
	paths    []string
	interval time.Duration
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.CSV("path", &c.paths).Help("Files to read, as names or patterns such as /var/lib/metrics/*.prom, separated by commas."),
		option.Duration("scrape_interval", &c.interval).Default("10s").Help("How long to wait between two readings."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	if len(c.paths) == 0 {
		return nil, fmt.Errorf("there is no file to read; set path")
	}
	for _, p := range c.paths {
		if _, err := filepath.Match(p, ""); err != nil {
			v, _ := option.Lookup(env.Properties, "path")
			return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("path: '%s' is no pattern", p), Cure: "close the brackets, or put a backslash before what is meant as it stands"}
		}
	}
	if c.interval <= 0 {
		c.interval = 10 * time.Second
	}
	return &input{config: *c, env: env, said: map[string]string{}}, nil
}

type input struct {
	config
	env  plugin.Env
	said map[string]string // the last complaint about each path
}

// Run implements [plugin.Input].
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return plugin.Every(ctx, in.interval, func() error {
		data := in.collect(time.Now())
		if len(data) == 0 {
			return nil
		}
		return to.Emit(ctx, event.Payload(in.env.Tag, event.Metrics, data))
	})
}

// collect reads all files; each makes a set of its own.
func (in *input) collect(now time.Time) (data []byte) {
	for _, pattern := range in.paths {
		paths, err := filepath.Glob(pattern)
		if err == nil && len(paths) == 0 {
			err = fmt.Errorf("no file is called so")
		}
		in.complain(pattern, err)
		for _, path := range paths {
			set, err := read(path, now)
			in.complain(path, err)
			if set.Len() > 0 {
				data = metric.Append(data, &set)
			}
		}
	}
	return data
}

// complain logs what is wrong with a path, once until something else is.
func (in *input) complain(path string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if was := in.said[path]; was == text {
		return
	}
	in.said[path] = text
	if err == nil {
		delete(in.said, path)
		in.env.Log.Info(path + " is in order again")
		return
	}
	in.env.Log.Warn(path + ": " + text)
}

func read(path string, now time.Time) (metric.Set, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return metric.Set{}, err
	case st.IsDir():
		return metric.Set{}, nil
	case !st.Mode().IsRegular():
		return metric.Set{}, fmt.Errorf("is no regular file and is not read")
	}
	f, err := os.Open(path)
	if err != nil {
		return metric.Set{}, err
	}
	defer f.Close()
	page, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return metric.Set{}, err
	}
	if len(page) > maxFile {
		return metric.Set{}, fmt.Errorf("is larger than %d bytes and is not read", maxFile)
	}
	return promtext.Parse(page, now.UnixNano())
}
