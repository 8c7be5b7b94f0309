package prometheus_textfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func TestFilesAreReadEachInterval(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 35*time.Second)
		defer stop()
		write("a.prom", "# TYPE x counter\nx{l=\"1\"} 1\n")
		write("b.prom", "y 2\nbroken\n")
		write("c.txt", "z 3\n")
		write("empty.prom", "")
		k := inputtest.New()
		run := k.Start(t, ctx, new(config), "path", filepath.Join(dir, "*.prom")+", "+filepath.Join(dir, "none"))
		go func() {
			time.Sleep(15 * time.Second)
			write("b.prom", "y 3\n")
			write("none", "w 1\n")
		}()
		if err := run(); err != nil {
			t.Error(err)
		}
		k.Want(t, `x{l="1"} = 1`, "y = 2", `x{l="1"} = 1`, "y = 3", "w = 1", `x{l="1"} = 1`, "y = 3", "w = 1")
		for said, want := range map[string]int{
			"b.prom: 1 malformed line(s), the first is line 2: 'broken' has no value": 1,
			"b.prom is in order again":   1,
			"none: no file is called so": 1,
			"none is in order again":     1,
			"empty.prom":                 0,
		} {
			if n := strings.Count(k.Log(), said); n != want {
				t.Errorf("%q was said %d times, not %d:\n%s", said, n, want, k.Log())
			}
		}
	})
}

func TestAPathIsNeeded(t *testing.T) {
	if _, err := inputtest.New().Build(new(config)); err == nil || !strings.Contains(err.Error(), "set path") {
		t.Errorf("got %v", err)
	}
	_, err := inputtest.New().Build(new(config), "path", "/x/[a")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: path: '/x/[a' is no pattern") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoFileIsNotRead(t *testing.T) {
	in := &input{said: map[string]string{}}
	in.env = inputtest.New().Env
	in.paths = []string{"/dev/nul*", t.TempDir()}
	if data := in.collect(time.Now()); len(data) != 0 {
		t.Errorf("%d bytes", len(data))
	}
	if in.said["/dev/null"] == "" {
		t.Error("no word about /dev/null")
	}
}
