package pipeline

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/storage"
)

func TestWhatAnOutputGivesUpIsKeptAndReplayed(t *testing.T) {
	for mode, reason := range map[string]string{"reject": "rejected", "dead": "retry_limit", "part": "rejected", "poison": "poisoned"} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			set := inDir(dir, func(s *Settings) { s.Storage.Rejected, s.Storage.KeepRejected = "rejected", true })
			r := mustBuild(t, set, "input source tag=a n=4", "output sink match=* retry_limit=no_retries mode="+mode)
			r.runFor(t, 5*time.Second)
			want := 4
			if mode == "part" {
				want = 2
			}
			letters, err := storage.Letters(filepath.Join(dir, "rejected"))
			if err != nil || len(letters) != 1 || letters[0].Reason != reason || letters[0].Records != want || letters[0].Output != "sink.0" {
				t.Fatalf("%s: letters %+v, %v\n%s", mode, letters, err, r.log.String())
			}
			r = mustBuild(t, set, "input source tag=b n=0", "output sink match=*", "output sink match=*")
			time.AfterFunc(2*time.Second, func() {
				if err := storage.Replay(dir, filepath.Join(dir, "rejected"), letters[0], ""); err != nil {
					t.Error(err)
				}
			})
			r.runFor(t, 5*time.Second)
			if a, b := r.got.of("records sink.0"), r.got.of("records sink.1"); a != want || b != 0 {
				t.Errorf("%s: the replay brought %d records to the one and %d to the other, want %d and 0", mode, a, b, want)
			}
			if n := chunksIn(t, dir); n != 0 {
				t.Errorf("%s: %d files are left", mode, n)
			}
		})
	}
}

func TestManyLossesAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustBuild(t, nil, "input source tag=a n=20 pause=2", "output sink match=* mode=reject")
		r.runFor(t, 100*time.Second)
		if n := strings.Count(r.log.String(), "was rejected for good"); n > 4 {
			t.Errorf("told %d times:\n%s", n, r.log.String())
		}
		if !strings.Contains(r.log.String(), "more chunks (") || !strings.Contains(r.log.String(), "its records are lost: set storage.keep.rejected") {
			t.Errorf("neither count nor cure:\n%s", r.log.String())
		}
	})
}
