package filtertest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// Conform checks, beyond [plugintest.Conform], what the agent relies on with a filter or processor: that it
// keeps no bytes of a batch, that it leaves records that are hidden from it alone, and that records stay in
// their groups. lines configure it, best so that it changes records of [plugintest.Odd].
func Conform(t *testing.T, spec plugin.Spec[plugin.Filter], lines ...string) {
	t.Helper()
	plugintest.Conform(t, spec, lines...)
	if !spec.Kinds.Has(event.Logs) {
		return
	}
	t.Run("leaves hidden records alone", func(t *testing.T) { hidden(t, spec, lines) })
	t.Run("keeps no bytes", func(t *testing.T) { keeps(t, spec, lines) })
	t.Run("keeps groups", func(t *testing.T) { groups(t, spec, lines) })
}

// hidden: a processor with a condition sees no record that does not meet it, and then has nothing to change.
func hidden(t *testing.T, spec plugin.Spec[plugin.Filter], lines []string) {
	if spec.Name == "alter_size" {
		t.Skip("it adds and removes as many records as it is told, whatever they are")
	}
	h := plugintest.New(t)
	f := h.Filter(spec, lines...)
	b := plugintest.Odd()
	before, n := bytes.Clone(b.Bytes()), b.Len()
	b.Where(func(*event.Record) bool { return false })
	err := f.Batch(b)
	b.Where(nil)
	if err != nil || b.Len() != n || !bytes.Equal(b.Bytes(), before) || len(h.Emitted()) > 0 {
		t.Errorf("a batch of hidden records was changed, or emitted in part: %v", err)
	}
}

// keeps: the same records come out whether or not the bytes that it was shown are overwritten behind its back.
func keeps(t *testing.T, spec plugin.Spec[plugin.Filter], lines []string) {
	run := func(poison bool) string {
		h := plugintest.New(t)
		defer event.Poison(event.Poison(poison))
		f := h.Filter(spec, lines...)
		var out []string
		for range 3 {
			b := plugintest.Odd()
			if err := f.Batch(b); err != nil {
				out = append(out, err.Error())
			}
			for r := range b.Records() {
				out = append(out, plugintest.JSON(r.Meta())+plugintest.JSON(r.Body())+plugintest.JSON(r.Group().Attributes))
			}
			b.Release()
		}
		return strings.Join(append(out, h.Emitted()...), "\n")
	}
	if with, without := run(true), run(false); with != without {
		t.Errorf("with the bytes overwritten it makes\n%.5000s\nwithout\n%.5000s", with, without)
	}
}

// groups: a record stays in its group, and one outside of groups stays there.
func groups(t *testing.T, spec plugin.Spec[plugin.Filter], lines []string) {
	const name = "in a group" // what the text of the only one begins with
	before, after := plugintest.Odd(), plugintest.Odd()
	_ = plugintest.New(t).Filter(spec, lines...).Batch(after) // an error is the filter's right
	count := func(b *event.Batch) (inside, outside int) {
		for r := range b.Records() {
			switch grouped := r.Group().Attributes != nil; {
			case grouped:
				inside++
			case strings.Contains(plugintest.JSON(r.Body()), name):
				t.Errorf("%s has lost its group", plugintest.JSON(r.Body()))
			default:
				outside++
			}
		}
		return inside, outside
	}
	in, out := count(before)
	if nowIn, nowOut := count(after); nowIn > in && nowOut < out && spec.Name != "opentelemetry_envelope" {
		t.Errorf("%d records stand in groups and %d outside; it were %d and %d", nowIn, nowOut, in, out)
	}
}
