package stream

import (
	"fmt"
	"log/slog"
	"strconv"

	"github.com/fluent/fluent-bit-go/agent/internal/sql"
	"github.com/fluent/fluent-bit-go/event"
)

// maxSnapshot bounds a snapshot's memory, whatever its query says.
const maxSnapshot = 64 << 20

// snapshot is the last records of a stream.
type snapshot struct {
	records int   // how many it keeps; 0 for no limit
	seconds int64 // how old they may be, measured from the latest; 0 for no limit
	kept    []keptRecord
	size    int
	full    bool // that it was cut short was said
}

// perRecord is about what a record takes beside its bytes.
const perRecord = 96

type keptRecord struct {
	time event.Time
	meta event.Value
	body event.Value
}

func (s *snapshot) limit(q *sql.Query) {
	s.records = q.Limit
	s.seconds, _ = strconv.ParseInt(q.With["seconds"], 10, 64) // Parse has checked it
}

// take appends the batch's records and lets go of those that are too many or too old.
func (s *snapshot) take(b *event.Batch, log *slog.Logger) {
	for r := range b.Records() {
		raw := append(append([]byte(nil), r.Meta()...), r.Body()...)
		n := len(r.Meta())
		s.kept = append(s.kept, keptRecord{r.Time(), raw[:n:n], raw[n:]})
		s.size += len(raw) + perRecord
		s.trim(r.Time(), log)
	}
}

func (s *snapshot) trim(now event.Time, log *slog.Logger) {
	n := 0
	for ; n < len(s.kept); n++ {
		old := &s.kept[n]
		tooMany := s.records > 0 && len(s.kept)-n > s.records
		tooOld := s.seconds > 0 && now.Sec-old.time.Sec > s.seconds
		tooLarge := s.size > maxSnapshot
		if !tooMany && !tooOld && !tooLarge {
			break
		}
		if tooLarge && !tooMany && !tooOld && !s.full {
			s.full = true
			log.Warn(fmt.Sprintf("the snapshot holds %d bytes and keeps no more; its oldest records go before their time. Give it a smaller LIMIT or fewer seconds", s.size))
		}
		s.size -= len(old.meta) + len(old.body) + perRecord
		*old = keptRecord{}
	}
	s.kept = s.kept[n:]
}

// flush moves all records to out.
func (s *snapshot) flush(out *event.Batch) {
	for _, r := range s.kept {
		out.Append(r.time, r.meta, r.body)
	}
	s.kept, s.size, s.full = nil, 0, false
}
