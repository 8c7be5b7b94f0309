package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestAChunkOfWhichNothingIsLeftIsGivenUpByEveryOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r := mustBuild(t, inDir(dir), "input source tag=a n=2 storage.type=filesystem", "output sink match=* mode=dead")
		r.runFor(t, 5*time.Second)
		files, _ := filepath.Glob(filepath.Join(dir, "*", "*.flb"))
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		copy(data[bytes.IndexByte(data, 'a')+1:], bytes.Repeat([]byte{0xc1}, 20)) // not one record can be read
		if err := os.WriteFile(files[0], data, 0o600); err != nil {
			t.Fatal(err)
		}
		r = mustBuild(t, inDir(dir), "input source tag=b n=0", "output sink match=*", "output sink match=*")
		time.AfterFunc(50*time.Second, func() {
			for _, o := range r.p.outputs {
				if n := o.pending.count(); n != 0 {
					t.Errorf("%s still tries %d chunks", o.name, n)
				}
			}
		})
		r.runFor(t, time.Minute)
	})
}
