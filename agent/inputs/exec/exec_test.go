package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestOneshotMakesARecordOfEachLine(t *testing.T) {
	check := func(command string, stops []int, settings []string, want ...string) {
		t.Helper()
		k := inputtest.New()
		if err := k.Start(t, t.Context(), new(config), append(settings, "command", command)...)(); err != nil {
			t.Error(err)
		}
		k.Want(t, want...)
		if !slices.Equal(k.Stops(), stops) {
			t.Errorf("%s: stopped with %v, want %v", command, k.Stops(), stops)
		}
	}
	oneshot := []string{"oneshot", "on"}
	check(`printf 'one two\nthree\n'; exit 3`, nil, oneshot, `{"exec":"one two"}`, `{"exec":"three"}`)
	check(`printf 'a\n\nb'`, nil, oneshot, `{"exec":"a"}`, `{"exec":""}`, `{"exec":"b"}`)
	check(`printf '12345\n123\n1234\n'`, nil, []string{"oneshot", "on", "buf_size", "5"}, `{"exec":"1234"}`, `{"exec":"5"}`, `{"exec":"123"}`, `{"exec":"1234"}`)
	check(`echo x; exit 3`, []int{0}, []string{"exit_after_oneshot", "on"}, `{"exec":"x"}`)
	check(`echo x; exit 3`, []int{3}, []string{"oneshot", "on", "exit_after_oneshot", "on", "propagate_exit_code", "on"}, `{"exec":"x"}`)
	check(`kill -KILL $$`, []int{137}, []string{"exit_after_oneshot", "on", "propagate_exit_code", "on"})
	check(`no-such-command-anywhere`, []int{127}, []string{"exit_after_oneshot", "on", "propagate_exit_code", "on"})
}

func TestStandardErrorReachesTheLog(t *testing.T) {
	k := inputtest.New()
	if err := k.Start(t, t.Context(), new(config), "oneshot", "on", "command", "echo bad news >&2; printf worse >&2; exit 1")(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"bad news", "worse"} {
		if !strings.Contains(k.Log(), want) {
			t.Errorf("%q is missing in the log:\n%s", want, k.Log())
		}
	}
}

// eventually waits until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("waited in vain: " + what)
		case <-tick.C:
		}
	}
}

func TestCommandRunsAgainEachInterval(t *testing.T) {
	k := inputtest.New()
	ctx, stop := context.WithCancel(t.Context())
	run := k.Start(t, ctx, new(config), "command", "echo again", "interval_sec", "0", "interval_nsec", "10000000")
	done := make(chan error)
	go func() { done <- run() }()
	eventually(t, "three records", func() bool { return len(k.Records()) >= 3 })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := k.Records()[0]; got != `{"exec":"again"}` {
		t.Errorf("got %s", got)
	}
}

// running reports whether the process lives, zombies not counted.
func running(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	_, state, _ := bytes.Cut(data, []byte(") "))
	return err == nil && !bytes.HasPrefix(state, []byte("Z"))
}

func TestWholeProcessGroupEndsWithTheContext(t *testing.T) {
	for name, command := range map[string]string{
		"that obeys":    `sleep 1000 & echo $!; echo $$; wait`,
		"that does not": `trap '' TERM; sleep 1000 & echo $!; echo $$; while :; do wait; done`,
	} {
		t.Run(name, func(t *testing.T) {
			k := inputtest.New()
			k.Env.Grace = 200 * time.Millisecond
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			run := k.Start(t, ctx, new(config), "command", command, "exit_after_oneshot", "on")
			done := make(chan error)
			go func() { done <- run() }()
			eventually(t, "lines while it runs", func() bool { return len(k.Records()) >= 2 })
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			for _, r := range k.Records() {
				pid := strings.Trim(r, `{"exc:}`)
				eventually(t, "the end of process "+pid, func() bool { return !running(pid) })
			}
			if len(k.Stops()) > 0 {
				t.Error("it asked to stop an agent that stops already")
			}
		})
	}
}

func TestRefusedBatchEndsTheCommand(t *testing.T) {
	k := inputtest.New()
	refused := errors.New("refused")
	k.Refuse(refused)
	if err := k.Start(t, t.Context(), new(config), "command", "echo x; exec sleep 1000", "oneshot", "on")(); err != refused {
		t.Errorf("got %v", err)
	}
}

// digits parses lines of one digit, which is also their time.
type digits struct{}

func (digits) Parse(dst, line []byte) ([]byte, event.Time, error) {
	if len(line) != 1 || line[0] < '0' || line[0] > '9' {
		return nil, event.Time{}, fmt.Errorf("%q is no digit", line)
	}
	n := int64(line[0] - '0')
	return event.AppendInt(event.AppendStr(event.AppendMap(dst, 1), "n"), n), event.Time{Sec: n}, nil
}

func TestParserMakesTheRecords(t *testing.T) {
	k := inputtest.New()
	k.Parsers["digits"] = digits{}
	if err := k.Start(t, t.Context(), new(config), "command", `printf '1\nx\nyy\n0\n'`, "oneshot", "on", "parser", "digits")(); err != nil {
		t.Error(err)
	}
	k.Want(t, `{"n":1}`, `{"n":0}`)
	if log := k.Log(); strings.Count(log, "did not parse") != 1 || !strings.Contains(log, "count=2") || !strings.Contains(log, "first=x") {
		t.Errorf("the log says:\n%s", log)
	}
}

func TestParsedTimeIsKeptAndAMissingOneIsNow(t *testing.T) {
	l := lines{parser: digits{}}
	b := event.New("in")
	now := event.Now().Sec
	l.take(b, []byte("7\n0\n"), true)
	var secs []int64
	for r := range b.Records() {
		secs = append(secs, r.Time().Sec)
	}
	if len(secs) != 2 || secs[0] != 7 || secs[1] < now {
		t.Errorf("times %v", secs)
	}
}

func TestImpossibleSettingsAreRefused(t *testing.T) {
	check := func(want string, settings ...string) {
		t.Helper()
		if _, err := inputtest.New().Build(new(config), settings...); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
	check("test.conf: the property 'command' is missing")
	check("test.conf:1:1: command: ", "command", "")
	check("test.conf:2:1: buf_size: 1 bytes ", "command", "x", "buf_size", "1")
	check("test.conf:2:1: propagate_exit_code: ", "command", "x", "propagate_exit_code", "on")
	check("test.conf:2:1: parser: there is no parser 'x'", "command", "x", "parser", "x")
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("one\n\ntwo"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		in := &input{config: config{size: int64(size) + 2}, env: inputtest.New().Env, lines: lines{bare: true}}
		var got []byte
		to := emitter(func(b *event.Batch) {
			for r := range b.Records() {
				got = append(got, r.Get("exec").Str()...)
			}
		})
		if err := in.emitLines(t.Context(), bytes.NewReader(text), to); err != nil {
			t.Error(err)
		}
		if want := bytes.ReplaceAll(text, []byte("\n"), nil); !bytes.Equal(got, want) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

type emitter func(b *event.Batch)

func (f emitter) Emit(_ context.Context, b *event.Batch) error { f(b); return nil }

var _ plugin.Emitter = emitter(nil)
