package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// Letter is a dead letter: a chunk, or some of its records, that an output gave up. Beside the chunk's file
// lies what is known about it; letters of Fluent Bit have their tag and output in the file's name alone.
type Letter struct {
	ID       string    `json:"-"` // the file's name without its ending
	Time     time.Time `json:"time"`
	Reason   string    `json:"reason"`
	Error    string    `json:"error,omitempty"`
	Tag      string    `json:"tag"`
	Input    string    `json:"input,omitempty"`
	Output   string    `json:"output"`
	Alias    bool      `json:"alias,omitempty"` // Output is an alias
	Plugin   string    `json:"plugin,omitempty"`
	Chunk    string    `json:"chunk,omitempty"` // its file before
	Attempts int       `json:"attempts,omitempty"`
	Records  int       `json:"records"`
	Bytes    int64     `json:"bytes"`
}

// letters counts what the dead-letter folder holds.
type letters struct {
	mu     sync.Mutex
	looked time.Time
	bytes  int64
	full   bool
	warned bool
}

// lookAgain is how long a full dead-letter store is taken for full before somebody may have made room: to look
// through thousands of letters for each chunk would be the end of all throughput.
const lookAgain = 10 * time.Second

// ErrLettersFull says that a dead letter did not fit under storage.rejected.limit.
var ErrLettersFull = errors.New("storage.rejected.limit is reached")

const replayStream = "replay"

// Bury keeps content as a dead letter and returns its name.
func (s *Store) Bury(l Letter, kind event.Kinds, content []byte, limit int64) (string, error) {
	s.letters.mu.Lock()
	defer s.letters.mu.Unlock()
	if err := s.lettersFit(int64(len(content)), limit); err != nil {
		return "", err
	}
	if err := s.makeStream(s.Rejected); err != nil {
		return "", err
	}
	l.Bytes = int64(len(content))
	unique := strings.NewReplacer("-", "", ".", "", " ", "").Replace(strings.TrimSuffix(s.names.next(), extension))
	id := safe(l.Tag, 128) + "_0_" + safe(l.Output, 64) + "_" + unique
	about, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		panic("BUG: a dead letter is no JSON: " + err.Error())
	}
	dir := filepath.Join(s.Path, s.Rejected)
	m := Meta{Kind: kind, Tag: l.Tag, Routes: []Route{{Label: l.Output, Alias: l.Alias, Plugin: l.Plugin}}}
	if err := writeWhole(s.FS, dir, id+".json", append(about, '\n')); err != nil {
		return "", err
	}
	if err := writeWhole(s.FS, dir, id+extension, chunkFile(m, content)); err != nil {
		_ = s.FS.Remove(filepath.Join(dir, id+".json"))
		return "", err
	}
	s.letters.bytes += int64(len(content))
	return id, nil
}

func (s *Store) lettersFit(size, limit int64) error {
	l := &s.letters
	if l.looked.IsZero() || l.full && time.Since(l.looked) >= lookAgain {
		l.looked, l.bytes = time.Now(), 0
		all, err := Letters(filepath.Join(s.Path, s.Rejected))
		if err != nil {
			return err
		}
		for _, x := range all {
			l.bytes += x.Bytes
		}
	}
	if limit <= 0 {
		return nil
	}
	if l.full = l.bytes+size > limit; l.full {
		return ErrLettersFull
	}
	if near := l.bytes+size >= limit/10*9; near && !l.warned {
		s.Log.Warn(fmt.Sprintf("the dead-letter store holds %d bytes, nine tenths of storage.rejected.limit (%d): see fluent-bit dlq list", l.bytes+size, limit))
		l.warned = true
	} else if !near {
		l.warned = false
	}
	return nil
}

// safe makes a part of a file's name, as Fluent Bit does it, of at most so many bytes.
func safe(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("/\\:", r) || r < ' ' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") // without a letter that was cut
	}
	return s
}

// chunkFile is a whole file with a checksum.
func chunkFile(m Meta, content []byte) []byte {
	file, crc := appendStart(nil, m)
	file = append(file, content...)
	putHead(file, crc32.Update(crc, crc32.IEEETable, content), uint32(len(content)))
	return file
}

// writeWhole makes a file that is there whole or not at all.
func writeWhole(fs FS, dir, name string, data []byte) error {
	temp := filepath.Join(dir, "."+name+".new")
	_ = fs.Remove(temp)
	h, err := fs.Create(temp)
	if err != nil {
		return err
	}
	if _, err = h.WriteAt(data, 0); err == nil {
		err = h.Sync()
	}
	if err = errors.Join(err, h.Close()); err == nil {
		err = fs.Rename(temp, filepath.Join(dir, name))
	}
	if err != nil {
		_ = fs.Remove(temp)
	}
	return err
}

// Letters lists the dead letters in a folder, the oldest first.
func Letters(dir string) ([]Letter, error) {
	entries, err := Disk().ReadDir(dir)
	if errors.Is(err, errNotExist) {
		return nil, nil
	}
	var all []Letter
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), extension)
		if !ok || !e.Type().IsRegular() || strings.HasPrefix(id, ".") {
			continue
		}
		l, err := readLetter(dir, id)
		if errors.Is(err, errNotExist) { // somebody has just dropped or replayed it
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b Letter) int { return a.Time.Compare(b.Time) })
	return all, err
}

func readLetter(dir, id string) (Letter, error) {
	name := filepath.Join(dir, id+extension)
	info, err := stat(name)
	if err != nil {
		return Letter{}, err
	}
	l := Letter{ID: id}
	about, err := readWhole(filepath.Join(dir, id+".json"))
	if err == nil {
		err = json.Unmarshal(about, &l)
	}
	if err == nil {
		return l, nil
	}
	// One of Fluent Bit's: TAG_STATUS_OUTPUT_POINTER. Ours begin alike, in case the other file is damaged.
	l = Letter{ID: id, Time: info.ModTime(), Bytes: info.Size()}
	if parts := strings.Split(id, "_"); len(parts) >= 4 {
		n := len(parts)
		l.Tag, l.Output, l.Reason = strings.Join(parts[:n-3], "_"), parts[n-2], "status "+parts[n-3]
	}
	c, _, err := OpenLetter(dir, id)
	if err != nil { // it hides no other
		l.Error = err.Error()
		return l, nil
	}
	defer c.Release()
	l.Records, l.Bytes = c.Len(), int64(len(c.Bytes()))
	if c.Tag != "" {
		l.Tag = c.Tag
	}
	return l, nil
}

// OpenLetter reads the records of a dead letter. What is damaged is left out and described by the damage.
func OpenLetter(dir, id string) (c *event.Chunk, damage, err error) {
	data, err := readWhole(filepath.Join(dir, id+extension))
	if err != nil {
		return nil, nil, err
	}
	c, damage = load(1, data, true)
	if c == nil {
		return nil, nil, fmt.Errorf("%s: %w", id, damage)
	}
	return c, damage, nil
}

// Replay hands a dead letter to the agent that uses the folder root, now or later: to its output, to another
// one, or, with "*", to all that match its tag.
func Replay(root, dir string, l Letter, to string) error {
	c, _, err := OpenLetter(dir, l.ID)
	if err != nil {
		return err
	}
	defer c.Release()
	m := Meta{Kind: c.Kind, Tag: l.Tag, Routes: []Route{{Label: l.Output, Alias: l.Alias, Plugin: l.Plugin}}}
	switch to {
	case "":
	case "*":
		m.Routes = nil
	default:
		m.Routes = []Route{{Label: to, Alias: true}}
	}
	stream := filepath.Join(root, replayStream)
	if err := Disk().MkdirAll(stream); err != nil {
		return err
	}
	var n namer
	if err := writeWhole(Disk(), stream, n.next(), chunkFile(m, c.Bytes())); err != nil {
		return err
	}
	return Discard(dir, l.ID)
}

// Discard removes a dead letter for good.
func Discard(dir, id string) error {
	err := Disk().Remove(filepath.Join(dir, id+extension))
	if err2 := Disk().Remove(filepath.Join(dir, id+".json")); !errors.Is(err2, errNotExist) {
		err = errors.Join(err, err2)
	}
	return err
}

// Arrivals lists the dead letters that somebody has sent on their way again since the last call.
func (s *Store) Arrivals() []*File {
	entries, err := s.FS.ReadDir(filepath.Join(s.Path, replayStream))
	if err != nil {
		return nil
	}
	var all []*File
	there := map[string]bool{}
	for _, e := range entries {
		if !isChunk(e) {
			continue
		}
		there[e.Name()] = true
		if s.arrived[e.Name()] {
			continue
		}
		f, err := s.look(replayStream, e.Name())
		if err != nil {
			s.Log.Error(fmt.Sprintf("%v; the dead letter stays where it is until the next start", err))
		} else if f != nil {
			all = append(all, f)
		}
	}
	s.arrived = there
	sortByTime(all)
	return all
}
