package tail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

// manyLines makes a text of about n bytes whose lines are numbered; some are empty, some long, some longer
// than the limit, some longer than a block.
func manyLines(rnd *rand.Rand, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		size := rnd.IntN(300)
		switch rnd.IntN(400) {
		case 0:
			size = rnd.IntN(5 * limitInTest)
		case 1:
			size = 2 * readSize
		}
		fmt.Fprintf(&b, "%d %s", i, strings.Repeat("x", size))
		b.WriteString([]string{"\n", "\n", "\n", "\r\n", "\n\n"}[rnd.IntN(5)])
	}
	return b.String()
}

const limitInTest = 2000

// oneByOne is what the input should make of text: each line that fits, with its offset.
func oneByOne(text string) (want []string) {
	at := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		body := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if len(strings.TrimSuffix(line, "\n")) < limitInTest-1 && strings.HasSuffix(line, "\n") {
			want = append(want, fmt.Sprintf(`in {"at":%d,"log":"%s"}`, at, body))
		}
		at += len(line)
	}
	return want
}

func TestLargeFilesAreReadInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	text := manyLines(rand.New(rand.NewPCG(seed, 0)), 40*readSize)
	want := oneByOne(text)
	p := newPlace(t)
	p.write("a.log", text)
	p.run("path", "DIR/a.log", "read_from_head", "on", "offset_key", "at", "skip_long_lines", "on", "buffer_chunk_size", "100",
		"buffer_max_size", fmt.Sprint(limitInTest))
	p.until("all lines", func() bool { p.sink.mu.Lock(); defer p.sink.mu.Unlock(); return len(p.sink.records) >= len(want) })
	if got := p.sink.list(); !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("record %d: got %.100s, want %.100s", i, got[i], want[i])
			}
		}
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

func TestReadingAheadStopsAtALineThatIsTooLong(t *testing.T) {
	line := strings.Repeat("y", 99) + "\n"
	before := 10 * readSize / len(line)
	text := strings.Repeat(line, before) + strings.Repeat("z", 3*limitInTest) + "\n" + strings.Repeat(line, before)
	p := newPlace(t)
	p.write("a.log", text)
	p.run("path", "DIR/a.log", "read_from_head", "on", "buffer_chunk_size", "100", "buffer_max_size", fmt.Sprint(limitInTest))
	p.until("the complaint", func() bool { return strings.Contains(p.kit.Log(), "has a line of more than buffer_max_size") })
	if !strings.Contains(p.kit.Log(), fmt.Sprintf("at byte %d ", before*len(line))) {
		t.Errorf("the log does not say where: %s", p.kit.Log())
	}
	p.end()
	if got := len(p.sink.list()); got != before {
		t.Errorf("%d lines, want the %d before it", got, before)
	}
}

func TestSettledOffsetsFollowTheOrderOfTheFile(t *testing.T) {
	p := newPlace(t)
	p.sink.hold = true
	text := strings.Repeat(strings.Repeat("y", 99)+"\n", 20*readSize/100)
	p.write("a.log", text)
	p.run("path", "DIR/a.log", "read_from_head", "on", "db", "DIR/tail.db")
	p.until("all lines", func() bool { p.sink.mu.Lock(); defer p.sink.mu.Unlock(); return len(p.sink.records)*100 == len(text) })
	f := p.in.watcher.all()[0]
	settled := func() int64 { at, _ := f.unsaved(); return at.at }
	p.sink.mu.Lock()
	batches := p.sink.unready
	p.sink.mu.Unlock()
	for _, b := range batches[1:] { // all but the first, the last ones first
		defer b.Settle(event.Delivered)
	}
	slices.Reverse(batches[1:])
	if at := settled(); at != 0 {
		t.Errorf("settled up to %d although nothing is", at)
	}
	first := int64(batches[0].Len()) * 100
	batches[0].Settle(event.Delivered)
	if at := settled(); at != first {
		t.Errorf("settled up to %d, want %d", at, first)
	}
}
