package head

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

func TestRecordsHoldTheBeginningOfTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	path := strconv.Quote(name)
	long := strings.Repeat("x", 10_000)
	check := func(text, want string, settings ...string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		in, err := inputtest.New().Build(new(config), append(settings, "file", name)...)
		if err != nil {
			t.Fatal(err)
		}
		b := event.New("in")
		if err := in.(*input).sample(b); err != nil {
			t.Fatal(err)
		}
		for r := range b.Records() {
			if got := inputtest.Text(r.Body()); got != want {
				t.Errorf("%q with %q: got %s, want %s", text, settings, got, want)
			}
		}
		if b.Len() != 1 {
			t.Errorf("%d records", b.Len())
		}
	}
	check("0123456789abcdefghij\n", `{"head":"0123456789abcdef"}`, "buf_size", "16")
	check("short\n", `{"head":"short\n"}`)
	check("", `{"head":""}`)
	check("x", `{"k":"x","path":`+path+`}`, "key", "k", "add_path", "on")
	check("a\nb\nc\n", `{"head":"a\nb\n"}`, "lines", "2")
	check("a\nb", `{"head":"a\nb"}`, "lines", "5", "buf_size", "1")
	check(long+"\nb\n", `{"head":"`+long+`\n"}`, "lines", "1")
	check("alpha\nbeta\n", `{"line0":"alpha","line1":"beta","line2":""}`, "lines", "3", "split_line", "on")
	check("alpha", `{"path":`+path+`,"line0":"alpha"}`, "lines", "1", "split_line", "on", "add_path", "on")
	check("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", `{"line0":"1","line1":"2","line2":"3","line3":"4","line4":"5","line5":"6","line6":"7","line7":"8","line8":"9","line9":"10"}`, "split_line", "on")
}

func TestFileIsReadAnewEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "f")
		ctx, stop := context.WithCancel(t.Context())
		k := inputtest.New()
		run := k.Start(t, ctx, new(config), "file", name, "interval_sec", "0", "interval_nsec", "200000000")
		done := make(chan error)
		go func() { done <- run() }()
		time.Sleep(300 * time.Millisecond) // the file is not there
		for _, text := range []string{"one", "two"} {
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		k.Want(t, `{"head":"one"}`, `{"head":"two"}`)
		if !strings.Contains(k.Log(), "no such file") {
			t.Errorf("the missing file is not in the log:\n%s", k.Log())
		}
	})
}

func TestReadErrorsAreNotTakenForTheEnd(t *testing.T) {
	broken := errors.New("broken")
	if text, err := readLines(iotest.ErrReader(broken), 1); err != broken || text != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	_, err := inputtest.New().Build(new(config), "file", "", "buf_size", "0", "lines", "1000001")
	if err == nil {
		t.Fatal("accepted")
	}
	got := strings.Split(err.Error(), "\n")
	if !slices.EqualFunc(got, []string{"test.conf:1:1: file: ", "test.conf:2:1: buf_size: ", "test.conf:3:1: lines: "}, strings.HasPrefix) {
		t.Errorf("got %q", got)
	}
	if _, err := inputtest.New().Build(new(config)); err == nil || !strings.Contains(err.Error(), "'file' is missing") {
		t.Errorf("got %v", err)
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add("a\nb\nc", 2)
	f.Fuzz(func(t *testing.T, text string, n int) {
		n = min(max(n, 1), 100)
		all := slices.Collect(strings.Lines(text))
		want := strings.Join(all[:min(n, len(all))], "")
		if got, err := readLines(strings.NewReader(text), n); err != nil || string(got) != want {
			t.Errorf("first %d lines of %q: got %q, %v", n, text, got, err)
		}
	})
}
