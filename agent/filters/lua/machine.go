package lua

import (
	"errors"
	"maps"
	"os"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// script is what a machine runs and how.
type script struct {
	name      string // of the file, for messages
	source    []byte
	call      string
	timeTable bool
	null      bool
	ints      []string
	arrays    []string
	limits    bounds
	vars      map[string]string // FLB_ENV
	slow      bool              //nolint:unused // with luajit: it has looped in compiled code, so it is interpreted
}

// variables are what the script finds in FLB_ENV.
func (s *script) variables() map[string]string {
	all := maps.Clone(s.vars)
	if all == nil {
		all = map[string]string{}
	}
	if _, ok := all["HOSTNAME"]; !ok {
		all["HOSTNAME"], _ = os.Hostname()
	}
	return all
}

// bounds keep a script from taking the agent along.
type bounds struct {
	call   time.Duration // how long one call of the function may take
	memory int64         // bytes that the script may hold
}

// limits are far beyond what a script needs that looks at one record: a call over 5 seconds, or 128 MB, is a
// loop without an end or a table that only grows.
var limits = bounds{call: 5 * time.Second, memory: 128 << 20}

// maxDepth is how deep the tables that come back may be nested, maxRecord how large a record may be.
const (
	maxDepth  = 120
	maxRecord = 64 << 20
)

var (
	errTime   = errors.New("took too long, it may loop for ever; it is ended after 5 seconds")
	errMemory = errors.New("took too much memory; 128 MB are allowed")
	errDepth  = errors.New("returned tables that are nested more than 120 deep, or contain themselves")
	errLarge  = errors.New("returned a record of more than 64 MB")
	errBody   = errors.New("returned neither a table that is a record nor an array of such tables")
)

// machine is a Lua interpreter with the script loaded. start makes one, check compiles a script only; they
// come from gopher.go, or with the build tag luajit from luajit.go.
type machine interface {
	// run calls the function for each record that b shows and adds one result for each.
	run(b *event.Batch, out *results) error
	// spent says why the machine must not be used again, or "".
	spent() string
	close()
}

type action int8

const (
	keep action = iota
	drop
	take
)

// result is what became of one record: body is a map, or an array of maps; meta is nil when the function did
// not return any.
type result struct {
	action     action
	time       event.Time
	meta, body event.Value
}

// results collects what a run returned. The values stand in buf, which may move while it grows, so they are
// cut out when the run is over.
type results struct {
	list    []result
	buf     []byte
	spans   []span
	strange int // a code that means nothing, or 0
}

type span struct{ meta, body, end int }

func (r *results) reset() {
	if cap(r.buf) > maxRecord {
		r.buf = nil
	}
	r.list, r.buf, r.spans, r.strange = r.list[:0], r.buf[:0], r.spans[:0], 0
}

// add notes a result that has nothing in buf.
func (r *results) add(a action) {
	r.list = append(r.list, result{action: a})
	r.spans = append(r.spans, span{len(r.buf), len(r.buf), len(r.buf)})
}

// addTaken notes a result whose metadata, if any, stands in buf between meta and body, and whose body is the
// rest of buf.
func (r *results) addTaken(t event.Time, meta, body int) error {
	v := event.Value(r.buf[body:])
	switch v.Type() {
	case event.TypeMap:
	case event.TypeArray:
		for e := range v.Elems() {
			if e.Type() != event.TypeMap {
				return errBody
			}
		}
	default:
		return errBody
	}
	r.list = append(r.list, result{action: take, time: t})
	r.spans = append(r.spans, span{meta, body, len(r.buf)})
	return nil
}

// cut sets the values of all results.
func (r *results) cut() {
	for i, s := range r.spans {
		if s.meta < s.body {
			r.list[i].meta = event.Value(r.buf[s.meta:s.body:s.body])
		}
		r.list[i].body = event.Value(r.buf[s.body:s.end:s.end])
	}
}

// code files a result by what the function returned first; whether there is more to read is the answer.
func (r *results) code(code int) (more bool) {
	switch code {
	case 1, 2:
		return true
	case -1:
		r.add(drop)
	case 0:
		r.add(keep)
	default:
		r.strange = code
		r.add(keep)
	}
	return false
}
