// Package poll is an input that asks an HTTP API for what is new, and knows after a restart where it was.
//
// The API is asked with the query parameter `after`, and answers a JSON object of "items", a list of objects,
// and "next", the text to ask with from then on. The place is written to a file once the records before it are
// safe, and not earlier: after a crash some may come twice, none is left out.
package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input poll.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "poll",
	Summary: "Ask an HTTP API for new items",
	Rereads: true,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

type config struct {
	url      string
	state    string
	interval time.Duration
}

func (c *config) Options() []option.Option {
	return []option.Option{
		option.String("url", &c.url).Required().Help("The API that is asked."),
		option.String("state", &c.state).Required().Help("The file that keeps how far the API was read."),
		option.Duration("interval", &c.interval).Default("10s").Help("How long to wait when there was nothing new."),
	}
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	u, err := url.Parse(c.url)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("url: '%s' is no URL such as https://api.example.com/items", c.url)
	}
	if c.interval <= 0 {
		return nil, errors.New("interval: must be more than 0")
	}
	return &input{config: *c, base: u, tag: env.Tag, log: env.Log, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment}}}, nil
}

type input struct {
	config
	base   *url.URL
	tag    string
	log    *slog.Logger
	client *http.Client
	after  string // where the next request begins

	mu    sync.Mutex
	pages []*page // those that are not safe yet, the oldest first
	place string  // what a restart may begin with
	kept  string  // what the file says
}

// page is one answer of the API.
type page struct {
	next string
	safe bool
}

// Start reads where an earlier run has come to.
func (in *input) Start(context.Context) error {
	b, err := os.ReadFile(in.state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	in.after = strings.TrimSpace(string(b))
	in.place, in.kept = in.after, in.after
	return err
}

// Close keeps the last place: records may have become safe after Run.
func (in *input) Close() error {
	in.client.CloseIdleConnections()
	return in.keep()
}

// Run asks again at once while there is more, and after the interval when there is not, or when the API fails.
func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	failing := false
	for {
		more, err := in.ask(ctx, to)
		if err != nil && ctx.Err() == nil && !failing {
			in.log.Warn("the API fails; it is asked again", "error", err)
		}
		failing = err != nil
		if err := in.keep(); err != nil {
			in.log.Error("the place in the API is not kept: items may come twice after a restart", "error", err)
		}
		wait := in.interval
		if more {
			wait = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (in *input) ask(ctx context.Context, to plugin.Emitter) (more bool, err error) {
	u := *in.base
	q := u.Query()
	q.Set("after", in.after)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, err
	}
	resp, err := in.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("it answers %s", resp.Status)
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
		Next  string            `json:"next"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, fmt.Errorf("its answer is not understood: %w", err)
	}
	if len(answer.Items) == 0 {
		return false, nil
	}
	b, err := in.batch(answer.Items)
	if err != nil {
		return false, err
	}
	p := in.open(answer.Next)
	b.OnSettled(func(event.Outcome) { in.settled(p) })
	if err := to.Emit(ctx, b); err != nil {
		return false, err
	}
	in.after = answer.Next
	return true, nil
}

func (in *input) batch(items []json.RawMessage) (*event.Batch, error) {
	b, now := event.New(in.tag), event.Now()
	for _, item := range items {
		dst, _, err := event.ParseJSON(b.Begin(now), item)
		if err != nil {
			return nil, fmt.Errorf("an item: %w", err)
		}
		b.Commit(dst)
	}
	return b, nil
}

// open notes a page whose records are on their way.
func (in *input) open(next string) *page {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := &page{next: next}
	in.pages = append(in.pages, p)
	return p
}

// settled notes that a page's records are safe. It is called from anywhere and must not wait.
func (in *input) settled(p *page) {
	in.mu.Lock()
	defer in.mu.Unlock()
	p.safe = true
	for len(in.pages) > 0 && in.pages[0].safe {
		in.place = in.pages[0].next
		in.pages = in.pages[1:]
	}
}

// keep writes the place to the file if it has changed.
func (in *input) keep() error {
	in.mu.Lock()
	place := in.place
	in.mu.Unlock()
	if place == in.kept {
		return nil
	}
	if err := writeFile(in.state, place); err != nil {
		return err
	}
	in.kept = place
	return nil
}

// writeFile replaces a file so that a crash leaves the old or the new one.
func writeFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone when all went well
	if _, err := f.WriteString(text + "\n"); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
