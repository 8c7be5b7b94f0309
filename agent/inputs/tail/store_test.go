package tail

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/taildb"
	"github.com/fluent/fluent-bit-go/event"
)

// again returns a fresh input in the same folder.
func (p *place) again() *place {
	p.end()
	q := newPlace(p.t)
	q.dir = p.dir
	return q
}

func (p *place) rows() []taildb.Row {
	p.t.Helper()
	db, err := taildb.Open(p.t.Context(), p.path("state.db"), taildb.Options{Sync: "normal", Journal: "WAL"})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Rows(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return rows
}

// save changes a row of the database.
func (p *place) save(row taildb.Row) {
	p.t.Helper()
	db, err := taildb.Open(p.t.Context(), p.path("state.db"), taildb.Options{Sync: "normal", Journal: "WAL"})
	must(p.t, err)
	must(p.t, db.Save(p.t.Context(), []*taildb.Row{&row}, nil))
	must(p.t, db.Close())
}

func TestSecondRunGoesOnWhereTheFirstStopped(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\ntwo\nthr")
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.append("a.log", "ee\n")
	p = p.again()
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want(`in {"log":"three"}`)
	p = p.again()
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want()
	if rows := p.rows(); len(rows) != 1 || rows[0].Offset != 14 || rows[0].MarkerSize != 14 || rows[0].Name != p.path("a.log") {
		t.Errorf("got %+v", rows)
	}
}

func TestOnlySettledOffsetsAreKept(t *testing.T) {
	p := newPlace(t)
	p.sink.hold = true
	p.write("a.log", "one\n")
	p.run("path", "DIR/a.log", "db", "DIR/state.db", "read_from_head", "on")
	p.want(`in {"log":"one"}`)
	p.append("a.log", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.append("a.log", "three\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`)
	p.sink.unready[2].Settle(event.Delivered) // not the first: nothing moves
	p.sink.unready[0].Settle(event.GivenUp)
	p.until("the offset to be saved", func() bool { return p.rows()[0].Offset == 4 })

	p = p.again()
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want(`in {"log":"two"}`, `in {"log":"three"}`)
}

func TestALineThatGrowsTakesNoMemoryWhileOthersAreOnTheirWay(t *testing.T) {
	l := new(ledger)
	settled := l.send(point{at: 4}, func() {})
	for range 1000 {
		l.skip(point{at: 5})
	}
	if n := len(l.open); n != 2 {
		t.Errorf("%d parts of the file are open", n)
	}
	if settled(event.Delivered); !l.idle() || l.settled.at != 5 {
		t.Errorf("byte %d is settled", l.settled.at)
	}
}

func TestWhatIsSettledAfterTheReaderEndedIsKept(t *testing.T) {
	p := newPlace(t)
	p.sink.hold = true
	p.write("a.log", "one\n")
	p.run("path", "DIR/a.log", "db", "DIR/state.db", "read_from_head", "on")
	p.want(`in {"log":"one"}`)
	b := p.sink.unready[0]
	b.Settle(event.Delivered)
	p = p.again()
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want()
}

func TestFileRotatedMeanwhileIsReadToItsEnd(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.append("a.log", "two\n")
	p.rename("a.log", "a.log.1")
	p.write("a.log", "three\n")
	p = p.again()
	p.run("path", "DIR/a.log", "db", "DIR/state.db", "read_from_head", "on", "rotate_wait", "0.05", "watcher_interval", "0.02")
	p.until("both lines", func() bool { return len(p.sink.list()) == 2 })
	got := p.sink.list()
	slices.Sort(got)
	if want := []string{`in {"log":"three"}`, `in {"log":"two"}`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	p.until("the old row to go", func() bool { return len(p.rows()) == 1 })
}

func TestOffsetOfAnotherFileIsNotUsed(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\ntwo\n")
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	f, err := os.OpenFile(p.path("a.log"), os.O_WRONLY|os.O_TRUNC, 0) // keeps the inode
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("other lines, more of them\n"); err != nil {
		t.Fatal(err)
	}
	p = p.again()
	p.once("path", "DIR/a.log", "db", "DIR/state.db")
	p.want(`in {"log":"other lines, more of them"}`)
}

func TestRowsOfFilesThatAreGoneAreRemoved(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.write("b.log", "one\n")
	p.once("path", "DIR/*.log", "db", "DIR/state.db")
	if n := len(p.rows()); n != 2 {
		t.Fatalf("%d rows", n)
	}
	if err := os.Remove(p.path("b.log")); err != nil {
		t.Fatal(err)
	}
	p = p.again()
	p.run("path", "DIR/other*.log", "db", "DIR/state.db")
	p.end()
	if n := len(p.rows()); n != 2 {
		t.Errorf("another input's rows were removed: %d are left", n)
	}
	p = p.again()
	p.once("path", "DIR/*.log", "db", "DIR/state.db")
	if rows := p.rows(); len(rows) != 1 || !strings.HasSuffix(rows[0].Name, "a.log") {
		t.Errorf("got %+v", rows)
	}
}

func TestDatabaseThatCannotBeOpenedIsAnError(t *testing.T) {
	p := newPlace(t)
	in, err := p.kit.Build(new(config), "path", p.path("a.log"), "db", p.path("none/state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "none/state.db") {
		t.Errorf("got %v", err)
	}
	if err := in.(*input).Close(); err != nil {
		t.Error(err)
	}
}

func TestRowGetsTheNameThatTheFileHas(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.write("d/none.log", "")
	settings := []string{"path", "DIR/*.log,DIR/d/*.log", "db", "DIR/state.db"}
	p.once(settings...)
	p.rename("a.log", "d/b.log")
	p.append("d/b.log", "two\n")
	p = p.again()
	p.once(settings...)
	p.want(`in {"log":"two"}`)
	p.append("d/b.log", "three\n")
	p.rename("d/b.log", "d/b.log.1")
	p = p.again()
	p.once(settings...)
	p.want(`in {"log":"three"}`)
}

func TestFileBehindASymlinkThatIsRotatedMeanwhileIsReadToItsEnd(t *testing.T) {
	p := newPlace(t)
	p.write("pods/0.log", "one\n")
	p.write("containers/none.log", "")
	must(t, os.Symlink("../pods/0.log", p.path("containers/x.log")))
	settings := []string{"path", "DIR/containers/*.log", "db", "DIR/state.db"}
	p.once(settings...)
	p.append("pods/0.log", "two\n")
	p.rename("pods/0.log", "pods/0.log.20240101")
	p = p.again()
	p.once(settings...) // the new file is not there yet
	p.want(`in {"log":"two"}`)
}

func TestOffsetOfAFileThatWasClosedWaitsForWhatIsNotSettled(t *testing.T) {
	p := newPlace(t)
	p.sink.hold = true
	p.write("a.log", "one\n")
	p.run("path", "DIR/a.log", "db", "DIR/state.db", "read_from_head", "on", "ignore_older", "1", "ignore_active_older_files", "on",
		"watcher_interval", "0.02", "refresh_interval", "0.05")
	p.want(`in {"log":"one"}`)
	p.until("the file to be closed", func() bool { return len(p.in.watcher.all()) == 0 })
	p.append("a.log", "two\n")
	p.want(`in {"log":"one"}`, `in {"log":"two"}`)
	p.sink.unready[1].Settle(event.Delivered)
	if f := p.in.watcher.all()[0]; f.settled.at != 0 {
		t.Errorf("byte %d counts as settled although the first line is not", f.settled.at)
	}
	p.sink.unready[0].Settle(event.Delivered)
	p.until("the offset to be saved", func() bool { return p.rows()[0].Offset == 8 })
}

func TestAFileWithTheInodeOfAnotherOneIsNotTakenForIt(t *testing.T) {
	check := func(was, is string, age int64, want ...string) {
		t.Helper()
		p := newPlace(t)
		p.write("a.log", was)
		p.write("other.log", "")
		p.once("path", "DIR/*.log", "db", "DIR/state.db", "read_from_head", "on")
		p.write("a.log", is) // keeps the inode
		p.rename("a.log", "b")
		row := p.rows()[0]
		row.Created -= age
		p.save(row)
		p = p.again()
		p.once("path", "DIR/*.log", "db", "DIR/state.db")
		p.want(want...)
	}
	p := newPlace(t)
	p.write("a.log", "")
	f, _, err := openFile(p.path("a.log"))
	must(t, err)
	defer f.close()
	if f.born() == 0 {
		t.Skip("the file system does not know when files were made")
	}
	const year = 365 * 24 * 60 * 60
	check("", "one\n", 0, `in {"log":"one"}`)
	check("", "one\n", year)
	check("one\n", "and two\n", 0)
	check("one\n", "2\n", 0)
	check("one\n", "one\ntwo\n", year, `in {"log":"two"}`)
}

// TestATruncatedFileIsReadAlthoughItIsRenamedDuringARestart ends as a kill does: without another write to the database.
func TestATruncatedFileIsReadAlthoughItIsRenamedDuringARestart(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "one\n")
	p.write("other.log", "")
	settings := []string{"path", "DIR/*.log", "db", "DIR/state.db", "read_from_head", "on"}
	p.once(settings...)
	p = p.again()
	p.start(settings...)
	must(t, os.Truncate(p.path("a.log"), 0))
	for _, f := range p.in.watcher.all() {
		f.look()
		must(t, p.in.turnOnce(p, f))
	}
	must(t, p.in.store.db.Close())
	p.append("a.log", "two, after that\n")
	p.rename("a.log", "a.log.1")
	q := newPlace(t)
	q.dir = p.dir
	q.once(settings...)
	q.want(`in {"log":"two, after that"}`)
}
