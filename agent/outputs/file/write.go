package file

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// idle is how long a file without new records counts as in use.
const idle = time.Hour

// newPart begins what goes into a file; for csv it learns which header is in force there.
func (o *output) newPart(path string) *part {
	p := &part{path: path}
	if n := len(o.free); n > 0 {
		p.buf, o.free = o.free[n-1], o.free[:n-1]
	}
	if o.format != formatCSV || !o.header {
		return p
	}
	columns, begun := o.columns[path]
	if !begun {
		columns, begun = o.readHeader(path)
	}
	switch {
	case columns != nil:
		p.columns, p.head = columns, o.headerLine(columns)
	case begun: // by somebody who wrote no header, so the first one stands behind that
		p.head = []byte{}
	}
	return p
}

// readHeader returns the columns of a file that is there already, nil when it has none, and whether there is
// anything in it.
func (o *output) readHeader(path string) (columns []string, begun bool) {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return nil, false
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, true
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 64<<10).ReadSlice('\n')
	if err != nil {
		return nil, true
	}
	return o.parseHeader(line[:len(line)-1]), true
}

// written remembers how to take back what was written.
type written struct {
	path          string
	before, after int64
}

// keptBuffer is the largest buffer that is kept for the next flush: a chunk as JSON has about its size.
const keptBuffer = 8 << 20

// keep has the buffers of parts used again.
func (o *output) keep(parts []*part) {
	for _, p := range parts {
		if len(o.free) < 4 && cap(p.buf) <= keptBuffer {
			o.free = append(o.free, p.buf[:0])
		}
	}
}

func (o *output) write(parts []*part) error {
	var done []written
	for _, p := range parts {
		w, err := o.appendPart(p)
		if err != nil {
			for _, w := range done {
				takeBack(w)
			}
			return err
		}
		done = append(done, w)
	}
	if o.format == formatCSV && o.header {
		if len(o.columns) > o.maxFiles { // dated names: the files themselves remember
			clear(o.columns)
		}
		for _, p := range parts {
			o.columns[p.path] = p.columns
		}
	}
	return nil
}

// takeBack undoes an append, unless somebody else has written to the file since.
func takeBack(w written) {
	if st, err := os.Stat(w.path); err == nil && st.Mode().IsRegular() && st.Size() == w.after {
		_ = os.Truncate(w.path, w.before)
	}
}

func (o *output) appendPart(p *part) (written, error) {
	f, size, err := o.open(p.path)
	if err != nil {
		return written{}, err
	}
	if o.rotate && size > 0 && size+int64(len(p.buf)) > o.rotateSize {
		f.Close()
		o.setAside(p.path)
		if f, size, err = o.open(p.path); err != nil {
			return written{}, err
		}
	}
	data := p.buf
	if size == 0 && len(p.head) > 0 {
		data = append(p.head[:len(p.head):len(p.head)], p.buf...)
	}
	n, err := f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	w := written{p.path, size, size + int64(n)}
	if err != nil {
		takeBack(w)
		return w, fmt.Errorf("append %d bytes to %s: %w", len(data), p.path, err)
	}
	return w, nil
}

// open opens a file for appending and returns its size, 0 for what is no regular file.
func (o *output) open(path string) (*os.File, int64, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE
	f, err := os.OpenFile(path, flags, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		dir := filepath.Dir(path)
		if !o.mkdir {
			return nil, 0, fmt.Errorf("open %s: there is no directory %s; create it or set mkdir on", path, dir)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, 0, fmt.Errorf("create the directory of %s: %w", path, err)
		}
		f, err = os.OpenFile(path, flags, 0o666)
	}
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return f, 0, nil
	}
	return f, st.Size(), nil
}
