package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/event"
)

// store remembers pods and namespaces, and asks for those that it does not know. The filter and the watch use it
// at the same time.
type store struct {
	config   *config
	log      *slog.Logger
	api      *client
	kubelet  *client // nil unless pods are asked for there
	entities entities

	mu         sync.Mutex
	pods       map[podKey]*entry[*pod]
	namespaces map[string]*entry[*namespace]
	trouble    burst.Log
	missing    burst.Log
}

func (s *store) close() {
	for _, c := range []*client{s.api, s.kubelet} {
		if c != nil {
			c.http.CloseIdleConnections()
		}
	}
}

type podKey struct{ namespace, name, dockerID string }

// entry is what is known of something, also that there is nothing to know.
type entry[T any] struct {
	value T
	known bool
	until time.Time // when it is to be asked for again; zero: never
	gone  time.Time // when the watch saw it go
}

const (
	maxPods      = 20_000           // that are remembered
	askAgain     = 10 * time.Second // after an answer that there is no such pod
	keepGone     = 10 * time.Minute // the last lines of a pod come late
	longestPause = time.Minute
)

func newStore(c *config, log *slog.Logger) *store {
	s := &store{config: c, log: log, pods: map[podKey]*entry[*pod]{}, namespaces: map[string]*entry[*namespace]{}}
	s.entities.options, s.entities.log = &c.association, log
	return s
}

// start prepares the clients.
func (s *store) start() (err error) {
	o := &s.config.server
	tokens := newTokens(o, s.log)
	if s.api, err = newClient("the API server "+s.config.url, s.config.url, o, tokens, s.log); err != nil {
		return err
	}
	if s.config.kubelet {
		base := kubeletURL(s.config)
		if s.kubelet, err = newClient("the kubelet "+base, base, o, tokens, s.log); err != nil {
			return err
		}
	}
	return s.entities.start(o)
}

// pod returns what is known of a pod, and asks when nothing is. nil means that nobody could tell.
func (s *store) pod(ctx context.Context, key podKey) *pod {
	now := time.Now()
	s.mu.Lock()
	old, fresh := s.pods[key].get(now)
	s.mu.Unlock()
	if fresh {
		return old
	}
	p, err := s.askPod(ctx, key)
	if err != nil {
		s.failed(fmt.Sprintf("pod %s/%s", key.namespace, key.name), err)
		return old
	}
	if p == nil && s.late(key, now) {
		return old
	}
	if p == nil {
		s.missing.Error(s.log, fmt.Sprintf("there is no pod %s/%s, its records get what their tag tells", key.namespace, key.name))
	}
	s.notePod(key, p, now)
	return p
}

// late reports whether a pod that the cluster does not know any more went lately, and keeps it a while.
func (s *store) late(key podKey, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pods[key]
	if e == nil || !e.known {
		return false
	}
	if e.gone.IsZero() {
		e.gone = now
	}
	e.until = now.Add(askAgain)
	return now.Sub(e.gone) < keepGone
}

// get returns what is known and whether it may still be believed.
func (e *entry[T]) get(now time.Time) (v T, fresh bool) {
	if e == nil {
		return v, false
	}
	return e.value, e.until.IsZero() || now.Before(e.until)
}

// failed logs that something could not be asked for.
func (s *store) failed(what string, err error) {
	if errors.Is(err, errPause) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble.Error(s.log, fmt.Sprintf("cannot get %s: %v. Its records get what is known; it is tried again", what, err))
}

// note remembers in all what was found under key, or that there is nothing (nil); a lifetime of 0 has no end.
func note[K comparable, V any](s *store, all map[K]*entry[*V], key K, found *V, lifetime time.Duration, now time.Time) {
	e := &entry[*V]{value: found, known: found != nil}
	switch {
	case found == nil:
		e.until = now.Add(askAgain)
	case lifetime > 0:
		e.until = now.Add(lifetime)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(all) >= maxPods {
		clear(all)
	}
	all[key] = e
}

func (s *store) notePod(key podKey, p *pod, now time.Time) {
	note(s, s.pods, key, p, s.config.podTTL, now)
}

// askPod looks into the folder of preloaded files, and then asks the kubelet or the API server.
func (s *store) askPod(ctx context.Context, key podKey) (*pod, error) {
	if v := s.preloaded(key.namespace + "_" + key.name + ".meta"); v != nil {
		if items := v.Get("items"); items.Type() == event.TypeArray {
			return findPod(items, key), nil
		}
		p, _ := readPod(v)
		return p, nil
	}
	if s.kubelet != nil {
		v, err := s.kubelet.get(ctx, "/pods")
		if err != nil {
			return nil, err
		}
		return s.noteAll(v.Get("items"), key), nil
	}
	v, err := s.api.get(ctx, "/api/v1/namespaces/"+url.PathEscape(key.namespace)+"/pods/"+url.PathEscape(key.name))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, _ := readPod(v)
	return p, nil
}

// noteAll remembers all pods of a list and returns the one that is looked for.
func (s *store) noteAll(items event.Value, key podKey) (found *pod) {
	now := time.Now()
	for v := range items.Elems() {
		p, ok := readPod(v)
		if !ok {
			continue
		}
		if p.namespace == key.namespace && p.name == key.name {
			found = p
			continue
		}
		s.notePod(podKey{p.namespace, p.name, ""}, p, now)
	}
	return found
}

func findPod(items event.Value, key podKey) *pod {
	for v := range items.Elems() {
		if meta := v.Get("metadata"); text(meta.Get("name")) == key.name && text(meta.Get("namespace")) == key.namespace {
			p, _ := readPod(v)
			return p
		}
	}
	return nil
}

// preloaded reads a file of the preload folder; nil when there is none that can be read.
func (s *store) preloaded(name string) event.Value {
	if s.config.preload == "" {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(s.config.preload, filepath.Base(name)))
	if err != nil {
		return nil
	}
	v, _, err := event.ParseJSON(nil, data)
	if err != nil {
		warn(s.log, "%s in kube_meta_preload_cache_dir is no JSON: %v", name, err)
		return nil
	}
	return v
}

// namespace returns what is known of a namespace, and asks when nothing is.
func (s *store) namespace(ctx context.Context, name string) *namespace {
	now := time.Now()
	s.mu.Lock()
	old, fresh := s.namespaces[name].get(now)
	s.mu.Unlock()
	if fresh {
		return old
	}
	ns, err := s.askNamespace(ctx, name)
	if err != nil {
		s.failed("namespace "+name, err)
		return old
	}
	note(s, s.namespaces, name, ns, s.config.nsTTL, now)
	return ns
}

func (s *store) askNamespace(ctx context.Context, name string) (*namespace, error) {
	if v := s.preloaded(name + ".namespace_meta"); v != nil {
		return readNamespace(name, v), nil
	}
	v, err := s.api.get(ctx, "/api/v1/namespaces/"+url.PathEscape(name))
	if errors.Is(err, errNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readNamespace(name, v), nil
}

// background watches the node's pods and asks for entities, as configured.
func (s *store) background(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	if s.entities.options.on {
		work.Go(func() { s.entities.poll(ctx) })
	}
	if !s.config.kubelet && !s.config.nsOnly {
		work.Go(func() { s.watch(ctx) })
	}
	return nil
}
