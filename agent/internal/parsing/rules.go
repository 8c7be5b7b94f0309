package parsing

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/agent/internal/strptime"
	"github.com/fluent/fluent-bit-go/event"
)

// Rules are a parser's settings, ready for use. They do not change.
type Rules struct {
	timeKey  string
	layout   *strptime.Layout // nil: lines have no time
	keep     bool
	types    []typed
	decoders []*decoder
	log      *slog.Logger
	badTimes counter
	badCasts counter
	pool     sync.Pool // of *Builder
}

// Typed reports whether any field has a type.
func (r *Rules) Typed() bool { return len(r.types) > 0 }

// Column is a field whose name is known before any line is.
type Column struct {
	key  []byte // encoded
	kind kind
	time bool
}

// Column prepares the field called name.
func (r *Rules) Column(name string) Column {
	return Column{key: event.AppendStr(nil, name), kind: kindOf(r.types, []byte(name)), time: r.isTime(name)}
}

func (r *Rules) isTime(key string) bool { return r.layout != nil && key == r.timeKey }

// Finish does for a record that is complete, the map at dst[at:], what the rules ask for: decoders, then
// the time, taken from the first field of that name if it is a text. When the time cannot be read, the
// field stays and t is zero.
func (r *Rules) Finish(dst []byte, at int) (body []byte, t event.Time) {
	if r.layout == nil && r.decoders == nil {
		return dst, event.Time{} // fast path
	}
	b := r.pool.Get().(*Builder)
	defer r.pool.Put(b)
	if r.decoders != nil {
		dst = b.decode(dst, at)
	}
	if r.layout == nil {
		return dst, event.Time{}
	}
	val, from, to := find(dst[at:], r.timeKey)
	if val.Type() != event.TypeStr {
		return dst, event.Time{}
	}
	t, ok := r.layout.Parse(val.Str(), &b.cache)
	if !ok {
		r.badTime(val.Str())
		return dst, event.Time{}
	}
	if r.keep {
		return dst, t
	}
	return remove(dst, at, from, to), t
}

// find returns the first value under key in the map v, with the offsets of the pair.
func find(v event.Value, key string) (val event.Value, from, to int) {
	from = len(v)
	for k, x := range v.Pairs() {
		if from == len(v) { // the first pair: what stands before it is the header
			from = header(v)
		}
		to = from + len(k) + len(x)
		if k.Type() == event.TypeStr && string(k.Str()) == key {
			return x, from, to
		}
		from = to
	}
	return nil, 0, 0
}

// header is the length of a map's header.
func header(v event.Value) int {
	switch v[0] {
	case 0xde:
		return 3
	case 0xdf:
		return 5
	}
	return 1
}

// remove takes the pair at from:to out of the map at dst[at:], which has that pair at least.
func remove(dst []byte, at, from, to int) []byte {
	body := dst[at:]
	old := header(body)
	n := event.Value(body).Len() - 1
	var head [5]byte
	fresh := event.AppendMap(head[:0], n)
	copy(body, fresh)
	end := len(fresh) + copy(body[len(fresh):], body[old:from])
	end += copy(body[end:], body[to:])
	return dst[:at+end]
}

// counter says which occurrences of a repeating fault are worth a line: 1, 10, 100 and so on.
type counter struct{ n atomic.Uint64 }

func (c *counter) tell() (n uint64, say bool) {
	n = c.n.Add(1)
	for p := uint64(1); p <= n && p != 0; p *= 10 {
		if p == n {
			return n, true
		}
	}
	return n, false
}

func (r *Rules) badTime(text []byte) {
	if n, say := r.badTimes.tell(); say {
		r.warn("a time does not fit Time_Format", "text", short(text), "times", n)
	}
}

func (r *Rules) badCast(key, text []byte) {
	if n, say := r.badCasts.tell(); say {
		r.warn("a field is not of its type and stays a text", "key", string(key), "text", short(text), "times", n)
	}
}

func (r *Rules) warn(msg string, args ...any) {
	if r.log != nil {
		r.log.Warn(msg, args...)
	}
}

// short keeps log lines short.
func short(text []byte) string {
	if len(text) > 80 {
		return string(text[:80]) + "…"
	}
	return string(text)
}
