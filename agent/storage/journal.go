package storage

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

var errNotExist = fs.ErrNotExist

const progressFile = ".progress"

// journal remembers which route has had which chunk, for chunks that others still wait for. It is a file of
// lines, each with a checksum of the rest: a line that is torn counts as not written, and its chunk is
// delivered once more. When most of it is about chunks that are gone it is written anew.
type journal struct {
	mu     sync.Mutex
	store  *Store
	handle Handle
	size   int64
	lines  int
	had    map[string]map[string]bool // chunk → routes
	live   int
	failed bool
}

// rewriteAt is how many lines must be dead before the journal is written anew.
const rewriteAt = 4096

func (j *journal) path() string { return filepath.Join(j.store.Path, progressFile) }

// open reads the journal, as far as it is about files.
func (j *journal) open(s *Store, files []*File) {
	j.store, j.had = s, map[string]map[string]bool{}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name()] = true
	}
	text, err := s.readAll(j.path())
	if err != nil && !errors.Is(err, errNotExist) {
		s.Log.Error(fmt.Sprintf("the journal of deliveries cannot be read, some chunks may be delivered twice: %v", err))
	}
	for line := range strings.Lines(string(text)) {
		chunk, route, ok := parseProgress(line)
		if ok && there[chunk] && !j.had[chunk][route] {
			j.note(chunk, route)
		}
	}
	if j.live == 0 && len(text) == 0 {
		return
	}
	if err := j.rewrite(); err != nil { // add tries again, and until then the old one is there
		s.Log.Error(fmt.Sprintf("the journal of deliveries cannot be written anew: %v", err))
	}
}

func (j *journal) note(chunk, route string) {
	if j.had[chunk] == nil {
		j.had[chunk] = map[string]bool{}
	}
	j.had[chunk][route] = true
	j.live++
}

func progressLine(chunk, route string) string {
	text := strconv.Quote(chunk) + " " + strconv.Quote(route)
	return fmt.Sprintf("%08x %s\n", crc32.ChecksumIEEE([]byte(text)), text)
}

func parseProgress(line string) (chunk, route string, ok bool) {
	sum, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if !strings.HasSuffix(line, "\n") || sum != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) {
		return "", "", false
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil || !strings.HasPrefix(text[len(quoted):], " ") {
		return "", "", false
	}
	chunk, err = strconv.Unquote(quoted)
	route, err2 := strconv.Unquote(text[len(quoted)+1:])
	return chunk, route, err == nil && err2 == nil
}

// add writes one line. What cannot be written is remembered until the agent ends.
func (j *journal) add(f *File, route string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.had[f.Name()][route] {
		return
	}
	j.note(f.Name(), route)
	var err error
	if j.handle == nil || j.failed { // with that, also what could not be written before
		err = j.rewrite()
	} else {
		err = j.write(progressLine(f.Name(), route))
	}
	if err != nil && !j.failed {
		j.store.Log.Error(fmt.Sprintf("the journal of deliveries cannot be written, some chunks may be delivered twice after a restart: %v", err))
	}
	j.failed = err != nil
}

func (j *journal) write(text string) error {
	if _, err := j.handle.WriteAt([]byte(text), j.size); err != nil {
		return err
	}
	j.size += int64(len(text))
	j.lines++
	return nil
}

// rewrite puts a journal with the live lines alone in the place of the old one.
func (j *journal) rewrite() error {
	fs := j.store.FS
	next := j.path() + ".new"
	_ = fs.Remove(next)
	h, err := fs.Create(next)
	if err != nil {
		return err
	}
	var text strings.Builder
	for chunk, routes := range j.had {
		for route := range routes {
			text.WriteString(progressLine(chunk, route))
		}
	}
	if _, err = h.WriteAt([]byte(text.String()), 0); err == nil {
		err = h.Sync()
	}
	if err == nil {
		err = fs.Rename(next, j.path())
	}
	if err != nil {
		h.Close()
		return err
	}
	if j.handle != nil {
		j.handle.Close()
	}
	j.handle, j.size, j.lines = h, int64(text.Len()), j.live
	return nil
}

func (j *journal) has(f *File, route string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.had[f.Name()][route]
}

// forget drops a chunk that is gone.
func (j *journal) forget(f *File) {
	j.mu.Lock()
	defer j.mu.Unlock()
	routes, ok := j.had[f.Name()]
	if !ok {
		return
	}
	delete(j.had, f.Name())
	j.live -= len(routes)
	if j.lines > rewriteAt && j.lines > 2*j.live {
		if err := j.rewrite(); err != nil {
			j.lines = j.live // no second try before as many lines again
		}
	}
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.handle == nil {
		return nil
	}
	err := j.handle.Close()
	j.handle = nil
	if j.live == 0 {
		_ = j.store.FS.Remove(j.path())
	}
	return err
}

// readAll reads a file whole.
func (s *Store) readAll(name string) ([]byte, error) {
	h, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	size, err := h.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := h.ReadAt(data, 0)
	if int64(n) == size {
		err = nil
	}
	return data[:n], err
}
