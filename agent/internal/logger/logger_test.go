package logger

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesLookLikeFluentBits(t *testing.T) {
	want := func(level slog.Level, msg string, args []any, pattern string) {
		t.Helper()
		var out bytes.Buffer
		log := New(NewSink(&out, false), "input:cpu:cpu.0", Options{Level: LevelTrace})
		log.Log(t.Context(), level, msg, args...)
		if !regexp.MustCompile(`^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}\] ` + pattern + `\n$`).MatchString(out.String()) {
			t.Errorf("got %q, want %s", out.String(), pattern)
		}
	}
	want(slog.LevelInfo, "initializing", nil, `\[ info\] \[input:cpu:cpu\.0\] initializing`)
	want(slog.LevelWarn, "slow", []any{"seconds", 3}, `\[ warn\] \[input:cpu:cpu\.0\] slow seconds=3`)
	want(slog.LevelError, "gone", []any{"err", "no such file"}, `\[error\] \[input:cpu:cpu\.0\] gone err="no such file"`)
	want(LevelTrace, "x", nil, `\[trace\] \[input:cpu:cpu\.0\] x`)
}

func TestDataForgeNoLines(t *testing.T) {
	var out bytes.Buffer
	New(NewSink(&out, false), "input:http:http.0", Options{}).Warn("no route for 'a\n[2026/01/01 00:00:00.000] [error] [engine] forged\r\x1b[2K'\n")
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 || lines[1] != `    [2026/01/01 00:00:00.000] [error] [engine] forged\r\x1b[2K'` {
		t.Errorf("got %q", lines)
	}
}

func TestLevelHidesWhatIsBelow(t *testing.T) {
	var out bytes.Buffer
	log := New(NewSink(&out, false), "", Options{Level: slog.LevelWarn})
	log.Info("hidden")
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestRepeatedLineIsHiddenWithinItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := New(NewSink(&out, false), "", Options{Suppress: 10 * time.Second})
		for range 3 {
			log.Info("again")
		}
		time.Sleep(11 * time.Second) // the fake clock's
		log.Info("again")
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != 2 {
			t.Errorf("%d lines, want 2:\n%s", n, out.String())
		}
		if !bytes.Contains(out.Bytes(), []byte("said 2 more times")) {
			t.Errorf("the count is missing:\n%s", out.String())
		}
	})
}

func TestTheSinkCountsLinesByLevel(t *testing.T) {
	s := NewSink(io.Discard, false)
	log := New(s, "a", Options{Level: slog.LevelInfo})
	log.Error("x")
	log.Info("x")
	log.Info("x")
	log.Debug("not shown")
	var got []string
	for _, l := range s.Lines() {
		got = append(got, fmt.Sprint(l.Level, " ", l.Lines))
	}
	if want := "error 1, warn 0, info 2, debug 0, trace 0"; strings.Join(got, ", ") != want {
		t.Errorf("got %v", got)
	}
}
