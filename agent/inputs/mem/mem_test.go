package mem

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

func sample(t *testing.T, in *input) (string, error) {
	t.Helper()
	b := event.New("in")
	err := in.sample(b)
	for r := range b.Records() {
		return inputtest.Text(r.Body()), err
	}
	return "", err
}

func build(t *testing.T, k *inputtest.Kit, root string, settings ...string) *input {
	t.Helper()
	in, err := k.Build(&config{root: root}, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return in.(*input)
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

const fixture = "MemTotal:  1000 kB\nMemFree:  300 kB\nMemAvailable: 900 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n"

const system = `"Mem.total":1000,"Mem.used":700,"Mem.free":300,"Swap.total":50,"Swap.used":30,"Swap.free":20`

func TestSystemHasSixKeys(t *testing.T) {
	root := t.TempDir()
	write(t, root, "meminfo", fixture)
	if got, err := sample(t, build(t, inputtest.New(), root)); err != nil || got != "{"+system+"}" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestProcessAddsTwoKeysWhileItLives(t *testing.T) {
	root := t.TempDir()
	write(t, root, "meminfo", fixture)
	write(t, root, "7/stat", "7 (a b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 3 22")
	k := inputtest.New()
	in := build(t, k, root, "pid", "7")
	n := 3 * os.Getpagesize()
	want := fmt.Sprintf(`{%s,"proc_bytes":%d,"proc_hr":"%.2fK"}`, system, n, float64(n)/1024)
	if got, err := sample(t, in); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if err := os.RemoveAll(filepath.Join(root, "7")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := sample(t, in); err != nil || got != "{"+system+"}" {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if n := strings.Count(k.Log(), "cannot measure"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestUnreadableFilesAreErrors(t *testing.T) {
	root := t.TempDir()
	in := build(t, inputtest.New(), root)
	for _, text := range []string{"", "MemTotal: 1 kB\n", "MemTotal: x kB\n" + fixture} {
		if text != "" {
			write(t, root, "meminfo", text)
		}
		if got, err := sample(t, in); err == nil || got != "" || !strings.Contains(err.Error(), "meminfo") {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

func TestRealProcfsIsUnderstood(t *testing.T) {
	got, err := sample(t, build(t, inputtest.New(), "/proc", "pid", fmt.Sprint(os.Getpid())))
	if err != nil || !strings.Contains(got, "proc_hr") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 b", 1023: "1023 b", 1024: "1.00K", 1536: "1.50K", 12939428: "12.34M", 1 << 30: "1.00G", 1 << 63: "8.00E",
	} {
		if got := readable(n); got != want {
			t.Errorf("readable(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNegativeProcessIsRefused(t *testing.T) {
	if _, err := inputtest.New().Build(&config{}, "pid", "-1"); err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: pid: -1") {
		t.Errorf("got %v", err)
	}
}

func FuzzProcfs(f *testing.F) {
	f.Add([]byte(fixture))
	f.Add([]byte("7 (a b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 3 22"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseMeminfo(data); err == nil && !strings.Contains(string(data), "SwapFree:") {
			t.Errorf("accepted %q without SwapFree", data)
		}
		if n, err := parseResident(data); err == nil && n%uint64(os.Getpagesize()) != 0 {
			t.Errorf("%q: %d bytes are no pages", data, n)
		}
	})
}
