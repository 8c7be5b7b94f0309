package checklist

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
)

// list is a set of texts that values, or their beginnings, are looked up in.
type list struct {
	partial, ignoreCase bool

	texts   map[string]struct{}
	lengths []int  // of the texts, ascending, each once
	folded  []byte // a value in lower case; kept for its memory
}

// maxLine is the longest text that a list may hold, in bytes.
const maxLine = 1 << 20

func (l *list) load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := l.read(file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// read takes one text a line; empty lines and comments, which begin with #, do not count.
func (l *list) read(r io.Reader) error {
	l.texts, l.lengths = map[string]struct{}{}, nil
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		text := lines.Bytes() // without \r\n
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		if l.ignoreCase {
			text = bytes.ToLower(text)
		}
		l.texts[string(text)] = struct{}{}
		if i, ok := slices.BinarySearch(l.lengths, len(text)); !ok {
			l.lengths = slices.Insert(l.lengths, i, len(text))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

// has tells whether value, or in partial mode one of its beginnings, is in the list.
func (l *list) has(value []byte) bool {
	if l.ignoreCase {
		l.folded = appendLower(l.folded[:0], value)
		value = l.folded
	}
	if !l.partial {
		_, ok := l.texts[string(value)]
		return ok
	}
	for _, n := range l.lengths {
		if n > len(value) {
			return false
		}
		if _, ok := l.texts[string(value[:n])]; ok {
			return true
		}
	}
	return false
}

// appendLower is bytes.ToLower without its allocation.
func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		if c >= 0x80 {
			return append(dst[:0], bytes.ToLower(s)...) // letters beyond ASCII
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
