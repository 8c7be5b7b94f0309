package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/taildb"
	"golang.org/x/sys/unix"
)

// store keeps the database up to date with the files.
type store struct {
	log    *slog.Logger
	byName bool

	mu      sync.Mutex
	db      *taildb.DB
	leaving map[*file]bool // files that are closed; true: the row stays
	failing bool           // as the log knows
}

func (in *input) openStore(ctx context.Context) (*store, error) {
	db, err := taildb.Open(ctx, in.db, taildb.Options{Sync: string(in.dbSync), Journal: string(in.dbJournal), Exclusive: in.dbLocking})
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	return &store{log: in.env.Log, byName: in.dbCompare, db: db, leaving: map[*file]bool{}}, nil
}

// knows reports whether there is an offset for f.
func (s *store) knows(f *file) bool {
	_, found, err := s.find(f)
	return found && err == nil
}

func (s *store) find(f *file) (row taildb.Row, found bool, err error) {
	name := ""
	if s.byName {
		name = f.path
	}
	return s.db.Find(context.Background(), f.id.ino, name)
}

// place has f, of so many bytes, read from where the database says, unless keep, or else notes where it is
// read from.
func (s *store) place(f *file, size int64, keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, found, err := s.find(f)
	if err != nil {
		return fmt.Errorf("db: %w", err)
	}
	if !found {
		f.row = rowOf(f)
		return s.db.Insert(context.Background(), &f.row)
	}
	f.row = row
	f.row.Name, f.row.Rotated = f.path, f.rotated // the inode may have been another file's …
	f.row.Created = max(row.Created, f.born())    // … until then
	s.replaces(f, keep)
	if keep {
		return nil
	}
	if err := resume(f, row, size); err != nil {
		s.log.Info(fmt.Sprintf("%s is not the file whose offset the database holds, or was truncated: reading it from its beginning", f.path), "offset", row.Offset)
		return f.seek(0)
	}
	return nil
}

// replaces ends the life of a closed file whose row f has taken over. When f goes on where that one ended,
// it also waits for what was on its way then.
func (s *store) replaces(f *file, goesOn bool) {
	for old := range s.leaving {
		if old.row.ID != f.row.ID {
			continue
		}
		delete(s.leaving, old)
		if goesOn && !old.idle() {
			f.ledger = old.ledger
		}
	}
}

var errOther = errors.New("the bytes before the offset are others")

// resume seeks to the offset of row if the bytes before it are those of row.
func resume(f *file, row taildb.Row, size int64) error {
	if !f.holds(row.Offset, size) {
		return errShort
	}
	if err := f.seek(row.Offset); err != nil {
		return err
	}
	if row.MarkerSize > 0 && (row.MarkerSize != f.mark.n || row.Marker != f.mark.hash()) {
		return errOther
	}
	return nil
}

func (m *mark) hash() int64 { return taildb.Hash(m.bytes[:m.n]) }

func rowOf(f *file) taildb.Row {
	return taildb.Row{Name: f.path, Offset: f.offset, Inode: f.id.ino, Created: time.Now().Unix(), Marker: f.mark.hash(), MarkerSize: f.mark.n, Rotated: f.rotated}
}

// left has the row of a closed file be removed once all of it is settled, or only brought up to date.
func (s *store) left(f *file, keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving[f] = keep
}

// rotated has the row say that the file lost its name.
func (s *store) rotated(f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.row.Rotated = true
	if f.row.ID != 0 { // otherwise it is not in the database, since it is not read
		f.forget()
	}
}

// save writes what was settled since the last time.
func (s *store) save(files []*file) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var remove []int64
	var done []*file
	for f, keep := range s.leaving {
		files = append(files, f)
		if !f.idle() {
			continue
		}
		done = append(done, f)
		if !keep {
			remove = append(remove, f.row.ID)
		}
	}
	rows, of := unsaved(files)
	if len(rows)+len(remove) == 0 {
		return nil
	}
	if err := s.db.Save(context.Background(), rows, remove); err != nil {
		for _, f := range of {
			f.forget()
		}
		if !s.failing {
			s.failing = true
			s.log.Error(fmt.Sprintf("db: %v; trying again with the next offset. What is read meanwhile is read again after a restart", err))
		}
		return err
	}
	s.failing = false
	for _, f := range done {
		delete(s.leaving, f)
	}
	return nil
}

func unsaved(files []*file) (rows []*taildb.Row, of []*file) {
	for _, f := range files {
		p, differs := f.unsaved()
		if !differs {
			continue
		}
		f.row.Offset, f.row.Marker, f.row.MarkerSize = p.at, p.mark.hash(), p.mark.n
		rows, of = append(rows, &f.row), append(of, f)
	}
	return rows, of
}

func (s *store) close(files []*file) error {
	err := s.save(files)
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.db.Close())
}

// recover looks for the files that were rotated while nobody was looking, or that were not read to their
// ends after they had been. Rows of files that are gone are removed.
func (in *input) recover(ctx context.Context) {
	rows, err := in.store.db.Rows(ctx)
	if err != nil {
		in.env.Log.Error(fmt.Sprintf("db: %v", err))
		return
	}
	followed := map[uint64]bool{}
	for _, f := range in.watcher.all() {
		followed[f.id.ino] = true
	}
	var gone []int64
	for i, row := range rows {
		if followed[row.Inode] || !in.wanted(row.Name) {
			continue // another input may share the database
		}
		var st unix.Stat_t
		if unix.Stat(row.Name, &st) == nil && st.Ino == row.Inode {
			continue // left out for its age
		}
		if !in.recoverOne(row, int64(i-len(rows))) {
			gone = append(gone, row.ID)
		}
	}
	if err := in.store.db.Save(ctx, nil, gone); err != nil {
		in.env.Log.Error(fmt.Sprintf("db: %v", err))
	}
}

func (in *input) wanted(path string) bool {
	for _, re := range in.excluded {
		if re.MatchString(path) {
			return false
		}
	}
	for _, g := range in.globs {
		if g.matches(path) {
			return true
		}
	}
	return false
}

// recoverOne follows the file of row under its new name in the same folder. Its order is negative: it comes
// before all files that are followed by their names.
func (in *input) recoverOne(row taildb.Row, order int64) bool {
	for _, dir := range folders(row.Name) {
		for _, name := range list(dir) {
			var st unix.Stat_t
			if unix.Lstat(dir+name, &st) != nil || st.Ino != row.Inode || !whole(&st) {
				continue
			}
			return in.adopt(row, order, dir+name)
		}
	}
	return false
}

// folders returns the folder of path, and those of what it leads to as a symbolic link, be that there or not.
func folders(path string) (dirs []string) {
	for range maxLinks {
		dir, _ := filepath.Split(path)
		dirs = append(dirs, dir)
		link, err := os.Readlink(path)
		if err != nil {
			break
		}
		if path = link; !filepath.IsAbs(link) {
			path = dir + link
		}
	}
	return dirs
}

// maxLinks is how many links the kernel follows, too.
const maxLinks = 40

func (in *input) adopt(row taildb.Row, order int64, where string) bool {
	tag, err := in.tags.of(row.Name)
	if err != nil {
		return false
	}
	f, st, err := openFile(where)
	if err != nil {
		return false
	}
	other := st.Ino != row.Inode || row.Offset == 0 && f.born() > row.Created // which no bytes tell
	if other || resume(f, row, st.Size) != nil {
		f.close()
		return false
	}
	f.tag, f.path, f.where, f.rotated, f.row = tag, row.Name, where, true, row
	f.join, f.charset = in.lines.joiner(f.path), in.charset
	f.order = order
	in.env.Log.Info(fmt.Sprintf("%s was renamed to %s: reading what is left of it", row.Name, where), "bytes", st.Size-row.Offset)
	in.opened.Inc()
	in.watcher.noteWatch(in.watcher.notify.watch(f))
	f.look()
	in.mu.Lock()
	in.files[f.id] = f
	in.mu.Unlock()
	in.enqueue(f)
	return true
}
