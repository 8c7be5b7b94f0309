package chaos

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// Writer is a program that logs numbered lines to a file and has it rotated.
type Writer struct {
	Path string
	Next int // the number of the next line
	Size int64

	Renames, Truncations, Recreations int
	shifts                            int

	tb   testing.TB
	rnd  *rand.Rand
	file *os.File
	buf  []byte // the beginning of what comes next
}

// NewWriter begins a log at path.
func NewWriter(tb testing.TB, rnd *rand.Rand, path string) *Writer {
	w := &Writer{Path: path, tb: tb, rnd: rnd}
	w.check(os.MkdirAll(w.copies(), 0o755))
	w.open()
	tb.Cleanup(func() { w.file.Close() })
	return w
}

func (w *Writer) copies() string { return filepath.Join(filepath.Dir(w.Path), "copies") }

func (w *Writer) check(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

func (w *Writer) open() {
	f, err := os.OpenFile(w.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	w.check(err)
	w.file = f
}

func (w *Writer) reopen() {
	w.tb.Helper()
	w.Finish()
	w.check(w.file.Close())
	w.open()
}

// Write writes n more lines, with as many calls as it likes. Some end in the middle of a line, also the last
// one; Finish writes the rest.
func (w *Writer) Write(n int) {
	w.tb.Helper()
	for n > 0 {
		some := min(n, 1+w.rnd.IntN(50))
		n -= some
		for range some {
			w.buf = append(AppendLine(w.buf, w.Next), '\n')
			w.Next++
		}
		cut := 0
		if w.rnd.IntN(4) == 0 {
			cut = w.rnd.IntN(10)
		}
		w.write(w.buf[:len(w.buf)-cut])
		w.buf = append(w.buf[:0], w.buf[len(w.buf)-cut:]...)
	}
}

// Finish writes the rest of a line that was begun.
func (w *Writer) Finish() {
	w.tb.Helper()
	w.write(w.buf)
	w.buf = w.buf[:0]
}

func (w *Writer) write(b []byte) {
	n, err := w.file.Write(b)
	w.check(err)
	w.Size += int64(n)
}

// Huge writes a line of n bytes without a number: an x and zeros that need no room on the disk.
func (w *Writer) Huge(n int64) {
	w.tb.Helper()
	w.Finish()
	st, err := w.file.Stat()
	w.check(err)
	w.write([]byte{'x'})
	w.check(w.file.Truncate(st.Size() + n))
	w.write([]byte{'\n'})
}

// Rename gives the file another name, Path.1, Path.2, …, and begins a new one. Sometimes the old one gets
// some more lines first, as from a program that has not noticed yet.
func (w *Writer) Rename() {
	w.tb.Helper()
	w.Renames++
	w.check(os.Rename(w.Path, fmt.Sprintf("%s.%d", w.Path, w.Renames)))
	if w.rnd.IntN(2) == 0 {
		w.Write(w.rnd.IntN(20))
	}
	w.reopen()
}

// Shift is Rename as logrotate does it: the old file becomes Path.old1, and what had that name before
// Path.old2, and so on.
func (w *Writer) Shift() {
	w.tb.Helper()
	w.Renames++
	w.shifts++
	for i := w.shifts; i > 1; i-- {
		w.check(os.Rename(fmt.Sprintf("%s.old%d", w.Path, i-1), fmt.Sprintf("%s.old%d", w.Path, i)))
	}
	w.check(os.Rename(w.Path, w.Path+".old1"))
	w.reopen()
}

// Recreate deletes the file and begins a new one. Nobody can read it any more who has not opened it.
func (w *Writer) Recreate() {
	w.tb.Helper()
	w.Recreations++
	w.check(os.Remove(w.Path))
	w.reopen()
}

// CopyTruncate copies the file into the folder copies beside it and empties it.
func (w *Writer) CopyTruncate() {
	w.tb.Helper()
	w.Truncations++
	w.Finish()
	dir := w.copies()
	from, err := os.Open(w.Path)
	w.check(err)
	defer from.Close()
	to, err := os.Create(filepath.Join(dir, fmt.Sprint(w.Truncations)))
	w.check(err)
	defer to.Close()
	_, err = io.Copy(to, from)
	w.check(err)
	w.check(w.file.Truncate(0))
}
