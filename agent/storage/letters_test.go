package storage

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

func TestDeadLettersAreListedReplayedAndDropped(t *testing.T) {
	root := t.TempDir()
	var log bytes.Buffer
	s, _ := open1(t, Options{Path: root, Rejected: "rejected", Log: slog.New(slog.NewTextHandler(&log, nil))})
	dir := filepath.Join(root, "rejected")
	bury := func(n int, limit int64) error {
		_, err := s.Bury(Letter{Time: time.Unix(int64(n), 0), Reason: "rejected", Error: "no", Tag: "a/b:c", Output: "mine", Alias: true, Plugin: "http", Records: 1},
			event.Logs, numbered(n, 900), limit)
		return err
	}
	for n := range 3 {
		if err := bury(n, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := bury(3, 3000); !errors.Is(err, ErrLettersFull) {
		t.Errorf("over its limit: %v", err)
	}
	if err := bury(3, 4000); err != nil || !strings.Contains(log.String(), "nine tenths") {
		t.Errorf("at nine tenths of its limit: %v, said %q", err, log.String())
	}
	all, err := Letters(dir)
	if err != nil || len(all) != 4 {
		t.Fatalf("%d letters, %v", len(all), err)
	}
	for n, l := range all {
		c, damage, err := OpenLetter(dir, l.ID)
		if err != nil || damage != nil || numbers(c)[0] != n || l.Tag != "a/b:c" || !strings.HasPrefix(l.ID, "a_b_c_0_mine_") {
			t.Errorf("letter %d is %+v, %v, %v", n, l, damage, err)
		}
	}
	if err := errors.Join(Replay(root, dir, all[0], ""), Replay(root, dir, all[1], "*"), Discard(dir, all[2].ID)); err != nil {
		t.Fatal(err)
	}
	arrived := s.Arrivals()
	if len(arrived) != 2 || fmt.Sprint(arrived[0].Routes) != "[{0 mine true http}]" || arrived[1].Routes != nil || arrived[0].Tag != "a/b:c" {
		t.Errorf("arrived: %v", arrived)
	}
	if again := s.Arrivals(); len(again) != 0 {
		t.Errorf("%d arrive twice", len(again))
	}
	if all, _ = Letters(dir); len(all) != 1 {
		t.Errorf("%d letters are left, want 1", len(all))
	}
}

// The C agent writes no metadata: tag and output are in the file's name.
func TestDeadLettersOfFluentBitAreRead(t *testing.T) {
	dir := t.TempDir()
	file := append(make([]byte, 24), unhex(t, recordHex)...)
	putHead(file, 0, uint32(len(file)-24))
	if err := os.WriteFile(filepath.Join(dir, "my.app_log_500_http.0_0x7f00.flb"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := Letters(dir)
	if err != nil || len(all) != 1 || all[0].Tag != "my.app_log" || all[0].Output != "http.0" || all[0].Records != 1 || all[0].Reason != "status 500" {
		t.Errorf("%+v, %v", all, err)
	}
}
