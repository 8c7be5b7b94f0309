package regex

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// How long one text may take. A pattern that ran into the limit several times is given less, so that a
// stream of bad texts costs little.
const (
	timeLimit    = 200 * time.Millisecond
	strictLimit  = 10 * time.Millisecond
	strictAfter  = 5 // time-outs
	clockStep    = 5 * time.Millisecond
	longestText  = 1 << 24 // bytes; the engine wants 12 bytes of memory for each
	pooledLength = 1 << 16
)

// setClock makes the engine look at its limit more often than the ten times a second it does by itself.
var setClock = sync.OnceFunc(func() { regexp2.SetTimeoutCheckPeriod(clockStep) })

// backtracker runs patterns that package regexp cannot express.
type backtracker struct {
	normal, strict *regexp2.Regexp
	groups         int // the whole match included
	timeouts       atomic.Uint64
	texts          sync.Pool // of *text
}

func newBacktracker(pattern string, groups int) (*backtracker, error) {
	setClock()
	normal, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, err
	}
	strict, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, err
	}
	normal.MatchTimeout, strict.MatchTimeout = timeLimit, strictLimit
	if len(normal.GetGroupNumbers()) != groups {
		return nil, errors.New("the engine counts other groups")
	}
	return &backtracker{normal: normal, strict: strict, groups: groups}, nil
}

// text is the input as the engine wants it.
type text struct {
	runes []rune
	at    []int // byte offset of each rune and of the end; empty for ASCII
}

func (t *text) load(b []byte) {
	t.runes, t.at = t.runes[:0], t.at[:0]
	ascii := isASCII(b)
	for i := 0; i < len(b); {
		r, n := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(b[i:]) // a stray byte becomes U+FFFD, one byte wide
		}
		t.runes = append(t.runes, r)
		if !ascii {
			t.at = append(t.at, i)
		}
		i += n
	}
	if !ascii {
		t.at = append(t.at, len(b))
	}
}

func (t *text) offset(i int) int {
	if len(t.at) == 0 {
		return i
	}
	return t.at[i]
}

func (bt *backtracker) engine() *regexp2.Regexp {
	if bt.timeouts.Load() >= strictAfter {
		return bt.strict
	}
	return bt.normal
}

// with calls f with b loaded; an error of f, which only the time limit causes, is counted.
func (bt *backtracker) with(b []byte, f func(*text) error) {
	if len(b) > longestText {
		bt.timeouts.Add(1)
		return
	}
	t, _ := bt.texts.Get().(*text)
	if t == nil {
		t = new(text)
	}
	t.load(b)
	if err := f(t); err != nil {
		bt.timeouts.Add(1)
	}
	if cap(t.runes) <= pooledLength {
		bt.texts.Put(t)
	}
}

func (bt *backtracker) match(b []byte) (found bool) {
	bt.with(b, func(t *text) (err error) {
		found, err = bt.engine().MatchRunes(t.runes)
		return err
	})
	return found
}

func (bt *backtracker) find(dst []int, b []byte) []int {
	bt.with(b, func(t *text) error {
		m, err := bt.engine().FindRunesMatch(t.runes)
		if err != nil || m == nil {
			return err
		}
		for i := range bt.groups {
			g := m.GroupByNumber(i)
			if len(g.Captures) == 0 {
				dst = append(dst, -1, -1)
				continue
			}
			dst = append(dst, t.offset(g.Index), t.offset(g.Index+g.Length))
		}
		return nil
	})
	return dst
}

// Watch reports the time-outs of several expressions, so that they do not pass without a word.
type Watch struct {
	of   []*Regexp
	seen uint64
}

// Add has re watched, if it can run out of time at all.
func (w *Watch) Add(re *Regexp) {
	if re.back != nil {
		w.of = append(w.of, re)
	}
}

// Check returns an error when there were time-outs since the last call.
func (w *Watch) Check() error {
	var sum uint64
	for _, re := range w.of {
		sum += re.Timeouts()
	}
	fresh := sum - w.seen
	w.seen = sum
	if fresh == 0 {
		return nil
	}
	return fmt.Errorf("%d text(s) took a regular expression too long and count as no match; simplify the expressions that have look-around, back-references or atomic groups", fresh)
}
