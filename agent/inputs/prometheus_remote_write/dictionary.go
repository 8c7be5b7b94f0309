package prometheus_remote_write

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/internal/httpserver"
	"github.com/fluent/fluent-bit-go/agent/internal/promtext"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
	"github.com/fluent/fluent-bit-go/metric"
)

// dictionary remembers what was said about names: Prometheus tells it now and then, in requests of their own.
type dictionary struct {
	mu    sync.Mutex
	known map[string]remotewrite.Metadata
}

// maxNames bounds what clients can make it remember.
const maxNames = 10_000

func (d *dictionary) learn(list []remotewrite.Metadata) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]remotewrite.Metadata{}
	}
	for _, m := range list {
		if _, again := d.known[m.Name]; m.Name != "" && (again || len(d.known) < maxNames) {
			d.known[m.Name] = m
		}
	}
}

// find returns what is known of the family that a series belongs to.
func (d *dictionary) find(name string) (remotewrite.Metadata, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if m := d.known[base]; ok && (m.Type == metric.TypeHistogram || m.Type == metric.TypeSummary && suffix != "_bucket") {
			return m, true
		}
	}
	m, ok := d.known[name]
	return m, ok
}

// stale is the value with which Prometheus ends a series.
const stale = 0x7ff0000000000002

// swell is how many times larger than the largest body its samples may become.
const swell = 16

// payload makes sets of a request: the first of all first samples, the second of all second ones and so on, so
// that the parts of a histogram meet those of the same moment. What nothing is known of is a gauge. bad counts
// samples that are left out, of which err tells the first. A request that makes more than limit bytes is refused: of
// a series each sample repeats all labels, so a small body may hold far more than it seems.
func (d *dictionary) payload(r *remotewrite.Request, limit int64) (data []byte, bad int, err error) {
	d.learn(r.Metadata)
	rest := r.Series
	for i := 0; len(rest) > 0; i++ {
		b := promtext.NewBuilder()
		described := map[string]bool{}
		more := rest[:0]
		for _, s := range rest {
			if i >= len(s.Samples) {
				continue
			}
			more = append(more, s)
			x := s.Samples[i]
			if math.Float64bits(x.Value) == stale {
				continue
			}
			m, ok := d.find(s.Name)
			if !ok {
				m = remotewrite.Metadata{Name: s.Name, Type: metric.TypeGauge}
			}
			if !described[m.Name] {
				described[m.Name] = true
				b.Describe(m.Name, m.Type, m.Help, m.Unit)
			}
			if e := add(b, s, x); e != nil {
				if bad++; err == nil {
					err = e
				}
			}
		}
		rest = more
		if set := b.Set(); set.Len() > 0 {
			data = metric.Append(data, &set)
		}
		if int64(len(data)) > limit {
			return nil, 0, &httpserver.Refusal{Status: http.StatusRequestEntityTooLarge, Reason: fmt.Sprintf("the samples make more than %d bytes, %d times buffer_max_size; send fewer at once", limit, swell)}
		}
	}
	return data, bad, err
}

func add(b *promtext.Builder, s remotewrite.Series, x remotewrite.Sample) error {
	if x.Time < 0 || x.Time > math.MaxInt64/1_000_000 {
		return fmt.Errorf("%s: %d is no time in milliseconds", s.Name, x.Time)
	}
	return b.Add(s.Name, slices.Clone(s.Labels), x.Value, x.Time*1_000_000)
}
