package dummy

import (
	"bytes"
	"errors"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// bodies reads the records to make. A text that is none is no reason not to start: what stands before the fault
// is made, or the default record when nothing does, as Fluent Bit does, and the log says so.
func bodies(env plugin.Env, text string) []event.Value {
	list, err := parseMaps(text)
	switch {
	case err == nil:
		return list
	case len(list) > 0:
		env.Log.Warn("the option dummy holds something behind its JSON maps, which is left out", "dummy", text, "error", err)
		return list
	}
	env.Log.Warn("the option dummy holds no JSON map; making "+defaultBody+" instead", "dummy", text, "error", err)
	return mustParseMaps(defaultBody)
}

// metadata reads the metadata of the records, or takes none when the text is no map.
func metadata(env plugin.Env, text string) event.Value {
	list, err := parseMaps(text)
	if err == nil && len(list) > 1 {
		err = errors.New("want one map")
	}
	if err == nil {
		return list[0]
	}
	env.Log.Warn("the option metadata holds no JSON map; the records have none", "metadata", text, "error", err)
	return mustParseMaps(defaultMeta)[0]
}

var errNoMap = errors.New("want a map or an array of maps")

// parseMaps reads maps and arrays of maps, one after the other. It returns at least one map, or an error and the
// maps before it.
func parseMaps(text string) ([]event.Value, error) {
	var list []event.Value
	src := bytes.TrimSpace([]byte(text))
	for len(src) > 0 {
		out, used, err := event.ParseJSON(nil, src)
		if err != nil {
			return list, err
		}
		src = bytes.TrimSpace(src[used:])
		switch v := event.Value(out); v.Type() {
		case event.TypeMap:
			list = append(list, v)
		case event.TypeArray:
			for e := range v.Elems() {
				if e.Type() != event.TypeMap {
					return list, errNoMap
				}
				list = append(list, e)
			}
		default:
			return list, errNoMap
		}
	}
	if len(list) == 0 {
		return nil, errNoMap
	}
	return list, nil
}

func mustParseMaps(text string) []event.Value {
	list, err := parseMaps(text)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return list
}

// clock tells the time that records carry: the time of day, or one that started elsewhere, or one that
// stands still.
type clock struct {
	start time.Time // zero: the time of day when the input began
	fixed bool
	begun time.Time
}

func newClock(sec, nsec int, fixed bool) clock {
	c := clock{fixed: fixed}
	if sec >= 0 || nsec >= 0 {
		c.start = time.Unix(int64(max(sec, 0)), int64(max(nsec, 0)))
	}
	return c
}

func (c *clock) begin(now time.Time) {
	c.begun = now
	if c.start.IsZero() {
		c.start = now
	}
}

func (c *clock) at(now time.Time) event.Time {
	if c.fixed {
		return event.At(c.start)
	}
	return event.At(c.start.Add(now.Sub(c.begun)))
}
