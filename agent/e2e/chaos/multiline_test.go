package chaos

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// perRecord is how many numbered lines make one record: line 5n begins it.
const perRecord = 5

const multilineParser = `[MULTILINE_PARSER]
    name          five
    type          regex
    flush_timeout 3000
    rule "start_state" "/^#\d{8}[05] /"    "more"
    rule "more"        "/^#\d{8}[1-46-9] /" "more"
`

const multilineFilter = `[FILTER]
    name                  multiline
    match                 *
    multiline.parser      five
    multiline.key_content log
    flush_ms              3000
`

// joins checks that each record is made of all the lines that belong together. What a killed agent was
// printing may be torn; that stands behind no line feed, so it is a part of another record here.
type joins struct {
	mu   sync.Mutex
	torn []string
	n    int
}

var number = regexp.MustCompile(`#(\d{9}) `)

func (j *joins) record(record []byte) {
	var got []int
	for _, m := range number.FindAllSubmatch(record, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		got = append(got, n)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.n++
	if len(got) > perRecord {
		got = got[len(got)-perRecord:]
	}
	whole := len(got) == perRecord && got[0]%perRecord == 0
	for i := range got {
		whole = whole && got[i] == got[0]+i
	}
	if !whole && len(j.torn) < 10 {
		j.torn = append(j.torn, fmt.Sprint(got))
	}
}

// newJoinStorm prepares a storm whose lines are joined, by tail or by the filter.
func newJoinStorm(t *testing.T, filter bool) (*storm, *joins) {
	t.Helper()
	s, j := newStorm(t), &joins{}
	s.Tally.Each = j.record
	parsers := filepath.Join(s.Dir, "parsers.conf")
	if err := os.WriteFile(parsers, []byte(multilineParser), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := service + "    parsers_file " + parsers + "\n" + toStdout
	if filter {
		conf += multilineFilter
	}
	conf += "[INPUT]\n    name tail\n    read_from_head on\n    db DIR/tail.db\n    path DIR/a.log\n    rotate_wait 1\n    mem_buf_limit 1M\n"
	if !filter {
		conf += "    multiline.parser five\n"
	}
	s.configure(conf)
	return s, j
}

// playRecords writes about total lines, always whole records, and lets the dice choose moves.
func (s *storm) playRecords(total int, moves ...func()) {
	s.t.Helper()
	for s.Next < total {
		s.Write(perRecord * (1 + s.rnd.IntN(1+total/200)))
		s.Finish()
		moves[s.rnd.IntN(len(moves))]()
	}
}

// whole reports records that were torn.
func (j *joins) whole(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	t.Logf("%d records", j.n)
	if len(j.torn) > 0 {
		t.Errorf("torn records: %q", j.torn)
	}
}

func TestJoinedRecordsComeExactlyOnceAndWhole(t *testing.T) {
	for name, filter := range map[string]bool{"tail": false, "filter": true} {
		t.Run(name, func(t *testing.T) {
			s, j := newJoinStorm(t, filter)
			s.Start()
			s.held()
			moves := []func(){s.pause, s.pause, s.rest}
			if !filter { // which does not see where a file ends and another goes on
				moves = append(moves, func() {
					s.held()
					s.Rename()
					s.Write((perRecord - s.Next%perRecord) % perRecord) // on in the new file
					s.Finish()
				})
			}
			s.playRecords(lines(5_000, 200_000), moves...)
			s.end(false)
			j.whole(t)
		})
	}
}

func TestKillsTearNoJoinedRecord(t *testing.T) {
	for name, filter := range map[string]bool{"tail": false, "filter": true} {
		t.Run(name, func(t *testing.T) {
			s, j := newJoinStorm(t, filter)
			s.Start()
			s.held()
			s.playRecords(lines(5_000, 200_000), s.pause, s.pause, s.rest, func() {
				if n := s.Tally.Distinct(); s.rnd.IntN(2) == 0 { // in the middle of the work, not always before it
					s.Continue()
					s.Unblock()
					s.Until("some records", func() bool { d := s.Tally.Distinct(); return d > n || d >= s.Next })
				}
				s.Kill()
				s.Write(perRecord * s.rnd.IntN(20))
				s.Finish()
				s.Start()
			})
			s.end(true)
			j.whole(t)
		})
	}
}
