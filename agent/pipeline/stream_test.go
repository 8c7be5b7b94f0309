package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestResultsOfATaskAreASourceOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10", "task one CREATE STREAM big WITH (tag='b') AS SELECT n FROM STREAM:source.0 WHERE n > 6;",
			"task two CREATE STREAM bigger AS SELECT n FROM STREAM:big WHERE n > 8;",
			"output sink match=b alias=big", "output sink match=bigger alias=bigger", "output sink match=a alias=all")
		r.runFor(t, 3*time.Second)
		if all, big, bigger := r.got.of("records all"), r.got.of("records big"), r.got.of("records bigger"); all != 10 || big != 3 || bigger != 1 {
			t.Errorf("%d, %d and %d records came", all, big, bigger)
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches are settled", n)
		}
	})
}

func TestABatchIsNotSettledBeforeItsSelectedRecordsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10", "task one CREATE STREAM b AS SELECT n FROM TAG:'a' WHERE n > 6;",
			"output sink match=b mode=dead", "output sink match=a")
		r.runFor(t, 30*time.Second)
		if n := r.settled.of("delivered"); n != 7 {
			t.Errorf("%d batches are settled, want the 7 of which no result waits", n)
		}
	})
}

func TestWindowsOutliveReloadsAndEndWithTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const in = "input source tag=a n=100 pause=1"
		const sum = "task sum CREATE STREAM s AS SELECT COUNT(*) AS n FROM TAG:'a' WINDOW TUMBLING (1 MINUTE);"
		const gone = "task gone CREATE STREAM g AS SELECT COUNT(*) AS n FROM TAG:'a' WINDOW TUMBLING (1 HOUR);"
		const out = "output sink match=* alias=x"
		r := mustBuild(t, nil, in, sum, gone, out)
		reloading(t, r, func(run *Runner) {
			time.Sleep(30*time.Second + time.Millisecond)
			if err := run.Reload(t.Context(), r.next(t, in, sum, out), func() {}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(60 * time.Second)
		})
		// Each number is also a record of the source. Of two things in the same instant either may be first.
		if n := r.got.of("x 60") + r.got.of("x 61"); n != 3 {
			t.Errorf("the window that the reload fell into gave %d results, want 1", n-2)
		}
		if n := r.got.of("x 30") + r.got.of("x 31"); n != 4 {
			t.Errorf("the window that was removed and the one that was open at the end gave %d results, want 2", n-2)
		}
	})
}

func TestAQueryDoesNotReadItsOwnResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10", "task one CREATE STREAM x WITH (tag='a') AS SELECT n FROM TAG:'a';",
			"task win CREATE STREAM w WITH (tag='a') AS SELECT COUNT(*) AS n FROM TAG:'a' WINDOW TUMBLING (1 SECOND);", "output sink match=*")
		r.runFor(t, 5*time.Second)
		if n := r.got.of("records sink.0"); n < 20 || n > 30 {
			t.Errorf("%d records came of 10 and their copies", n)
		}
		if !strings.Contains(r.log.String(), "reads its own results, tagged 'a'") {
			t.Errorf("no word about it:\n%s", r.log.String())
		}
		if n := r.settled.of("delivered"); n != 10 {
			t.Errorf("%d of 10 batches are settled", n)
		}
	})
}

func TestFaultyTasksAreLeftOutWithAReason(t *testing.T) {
	f := func(want string, tasks ...string) {
		t.Helper()
		r := mustBuild(t, nil, append(tasks, "input source alias=in tag=a n=1", "output sink match=*")...)
		if len(r.p.BadTasks) != 1 || !strings.Contains(r.p.BadTasks[0].Error(), want) || !strings.HasPrefix(r.p.BadTasks[0].Error(), "test:1") {
			t.Errorf("%s: got %v, want %s", tasks, r.p.BadTasks, want)
		}
	}
	f("task 'x': syntax error at character 8", "task x SELECT FROM WHERE;")
	f("no input or stream 'inn' to read from; did you mean 'in'", "task x SELECT a FROM STREAM:inn;")
	f("there is an input or a stream 'in' already", "task x CREATE STREAM in AS SELECT a FROM TAG:'a';")
	f("there is an input or a stream 's' already", "task x CREATE STREAM s AS SELECT a FROM TAG:'a';", "task y CREATE STREAM s AS SELECT b FROM TAG:'a';")
	f("needs a folder", "task x CREATE STREAM s WITH (storage.type='filesystem') AS SELECT a FROM TAG:'a';")
	f("no snapshot 's' to flush", "task x FLUSH SNAPSHOT s AS SELECT * FROM TAG:'a';")
}

func TestASnapshotIsFlushedIntoTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=10",
			"task keep CREATE SNAPSHOT last AS SELECT * FROM TAG:'a' LIMIT 3;",
			"task go FLUSH SNAPSHOT last WITH (tag='context') AS SELECT * FROM TAG:'a' WHERE n = 6;",
			"output sink match=context alias=c")
		r.runFor(t, 3*time.Second)
		if n := r.got.of("records c"); n != 3 || r.got.of("c 4")+r.got.of("c 5")+r.got.of("c 6") != 3 {
			t.Errorf("%d records came: %v", n, r.got.m)
		}
	})
}

func TestAWindowTakesWhatFiltersGiveOutAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=7", "task sum CREATE STREAM s AS SELECT COUNT(*) AS n FROM TAG:'a' WINDOW TUMBLING (1 MINUTE);",
			"filter holder match=a", "output sink match=s alias=s")
		r.runFor(t, 3*time.Second)
		if r.got.of("records s") != 1 || r.got.of("s 7") != 1 {
			t.Errorf("got %v", r.got.m)
		}
	})
}

func TestResultsAreKeptInFilesWhereThereAreAny(t *testing.T) {
	f := func(path, with string, want storageType) {
		t.Helper()
		r := mustBuild(t, func(s *Settings) { s.Storage.Path = path }, "input source tag=a n=1", "task x CREATE STREAM s "+with+" AS SELECT n FROM TAG:'a';", "output sink match=*")
		if got := r.p.inputs[1].storage; got != want {
			t.Errorf("%s %s: %v", path, with, got)
		}
	}
	f("", "", memoryOnly)
	f(t.TempDir(), "", filesystem)
	f(t.TempDir(), "WITH (storage.type='memory')", memoryOnly)
	f("", "WITH (storage.type='memrb')", memrb)
}
