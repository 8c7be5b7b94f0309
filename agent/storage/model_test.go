package storage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

// written is what the model knows of a chunk.
type written struct {
	file    *File
	all     []int           // appended, in order, also what was not confirmed
	durable int             // how many of these must be there after a crash
	had     map[string]bool // routes that had it
	deleted bool            // all routes had it
	locked  bool
}

// model does random things to a store and knows what must be there after a crash.
type model struct {
	mu     sync.Mutex
	rng    *rand.Rand
	chunks []*written
	n      int
}

// act does one thing. What the crash cut off counts neither as done nor as not done.
func (m *model) act(t *testing.T, s *Store, b *brittle) {
	w := m.pick(s)
	over := func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.steps == 0 }
	switch m.rng.IntN(9) {
	case 8: // the disk fills up, or there is room again
		b.mu.Lock()
		b.room = m.rng.IntN(4000)
		if m.rng.IntN(3) > 0 {
			b.room = -1
		}
		b.mu.Unlock()
	case 0:
		w.file.Lock()
		w.locked = true
		route := fmt.Sprintf("out.%d", m.rng.IntN(2))
		w.file.Done(route)
		if !over() && b.room < 0 {
			w.had[route] = true
		}
	case 1:
		w.deleted = true
		w.file.Delete()
		if over() {
			w.file = nil // it may have gone or not
		}
	case 2:
		w.file.Lock()
		w.locked = true
		c, err := w.file.Load(1)
		if err == nil && fmt.Sprint(numbers(c)) != fmt.Sprint(w.all) {
			t.Fatalf("%v is read as %v", w.all, numbers(c))
		}
		if err != nil && len(w.all) > 0 {
			t.Fatal(err)
		}
	default:
		m.append(w, over)
	}
}

// pick returns a chunk that lives, often one that was there before.
func (m *model) pick(s *Store) *written {
	var live []*written
	for _, w := range m.chunks {
		if !w.deleted {
			live = append(live, w)
		}
	}
	if len(live) > 0 && m.rng.IntN(4) > 0 {
		return live[m.rng.IntN(len(live))]
	}
	w := &written{file: s.Create(fmt.Sprintf("in.%d", m.rng.IntN(2)), Meta{Kind: event.Logs, Tag: "t"}), had: map[string]bool{}}
	m.chunks = append(m.chunks, w)
	return w
}

func (m *model) append(w *written, over func() bool) {
	if w.locked {
		return
	}
	m.n++
	w.all = append(w.all, m.n)
	end := len(w.all)
	err := w.file.Append(numbered(m.n, m.rng.IntN(3000)), 1, func(err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err == nil {
			w.durable = max(w.durable, end)
		}
	})
	if err != nil {
		w.locked = true
		if !over() { // the disk is full
			w.all = w.all[:end-1]
		}
	}
}

// check holds what a new run finds against what must be there.
func (m *model) check(backlog []*File, power, full bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]*File{}
	for _, f := range backlog {
		found[f.Name()] = f
	}
	for i, w := range m.chunks {
		if w.file == nil {
			continue
		}
		must := w.durable
		if w.deleted || power && !full {
			must = 0
		}
		f := found[w.file.Name()]
		switch {
		case f == nil && must > 0:
			return fmt.Errorf("chunk %d with %d durable records is gone", i, must)
		case f == nil:
			continue
		case w.deleted && !power:
			return fmt.Errorf("chunk %d is back, all of its routes had it", i)
		}
		var got []int
		c, err := f.Load(1)
		if err == nil {
			got = numbers(c)
		}
		if len(got) < must {
			return fmt.Errorf("chunk %d has %d of %d durable records: %v", i, len(got), must, err)
		}
		if len(got) > len(w.all) || fmt.Sprint(got) != fmt.Sprint(w.all[:len(got)]) {
			return fmt.Errorf("chunk %d holds %v, appended was %v", i, got, w.all)
		}
		for route := range w.had {
			if !power && !f.Had(route) {
				return fmt.Errorf("chunk %d: nobody remembers that %s had it", i, route)
			}
		}
	}
	return nil
}

// A store is driven at random and crashes after every single change that it makes to the file system, once
// with what the kernel held written, once without it.
func TestWhatIsDurableSurvivesACrashAnywhere(t *testing.T) {
	for seed := range uint64(12) {
		for _, o := range []Options{{}, {Checksum: true}, {Full: true}, {Full: true, Checksum: true}} {
			for _, power := range []bool{false, true} {
				for steps := 1; ; steps++ {
					if !crashAfter(t, seed, steps, o, power) {
						break
					}
				}
			}
		}
	}
}

// crashAfter reports whether the run was long enough to crash.
func crashAfter(t *testing.T, seed uint64, steps int, o Options, power bool) bool {
	b := newBrittle()
	o.FS, o.Path = b, "/s"
	m := &model{rng: rand.New(rand.NewPCG(seed, 1))}
	s, _, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b.steps = steps
	crashed := false
	for range 25 {
		m.act(t, s, b)
		b.mu.Lock()
		crashed = b.steps == 0
		b.mu.Unlock()
		if crashed {
			break
		}
	}
	s.syncer.wait()
	b.restart(power, m.rng)
	s, backlog, err := Open(o)
	if err == nil {
		err = m.check(backlog, power, o.Full)
	}
	if err != nil {
		t.Fatalf("seed %d, crash after %d steps, power lost %v, %+v: %v", seed, steps, power, o, err)
	}
	if n := s.Files(); n > len(backlog) {
		t.Fatalf("%d files counted, %d are in the backlog", n, len(backlog))
	}
	return crashed
}
