package disk

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

func TestRecordsCountBytesSinceTheLastSample(t *testing.T) {
	check := func(name, device string, want ...string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root := t.TempDir()
				write := func(text string) {
					if err := os.WriteFile(filepath.Join(root, "diskstats"), []byte(text), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				ctx, stop := context.WithCancel(t.Context())
				write("8 0 sda 1 2 100 4 5 6 1000 8 9 10 11\n8 1 sda1 1 2 90 4 5 6 900 8 9 10 11\n8 16 sdb 1 2 7 4 5 6 7 8 9 10 11\n")
				k := inputtest.New()
				settings := []string{"interval_sec", "1"}
				if device != "" {
					settings = append(settings, "dev_name", device)
				}
				run := k.Start(t, ctx, &config{root: root}, settings...)
				done := make(chan error)
				go func() { done <- run() }()
				write("8 0 sda 1 2 102 4 5 6 1003 8 9 10 11\n8 1 sda1 1 2 92 4 5 6 900 8 9 10 11\n8 16 sdb 1 2 8 4 5 6 7 8 9 10 11\n")
				time.Sleep(1500 * time.Millisecond)
				// sda1 went, sdb counts anew, sdc came
				write("8 0 sda 1 2 102 4 5 6 1003 8 9 10 11\n8 16 sdb 1 2 3 4 5 6 1 8 9 10 11\n8 32 sdc 1 2 3 4 5 6 7 8 9 10 11\n")
				time.Sleep(time.Second)
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
				k.Want(t, want...)
			})
		})
	}
	check("all devices", "", `{"read_size":2560,"write_size":1536}`, `{"read_size":1536,"write_size":512}`)
	check("by a part of the name", "sda", `{"read_size":2048,"write_size":1536}`, `{"read_size":0,"write_size":0}`)
	check("none of that name", "nvme", `{"read_size":0,"write_size":0}`, `{"read_size":0,"write_size":0}`)
}

func TestUnreadableFileFailsAtTheStart(t *testing.T) {
	root := t.TempDir()
	in, err := inputtest.New().Build(&config{root: root})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.(*input).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "diskstats") {
		t.Errorf("got %v", err)
	}
}

func TestRealProcfsIsUnderstood(t *testing.T) {
	data, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		t.Skip(err)
	}
	if _, err := parseDiskstats(data, ""); err != nil {
		t.Error(err)
	}
}

func FuzzDiskstats(f *testing.F) {
	f.Add([]byte("8 0 sda 1 2 100 4 5 6 1000 8 9 10 11\n"), "sd")
	f.Fuzz(func(t *testing.T, data []byte, device string) {
		all, err := parseDiskstats(data, device)
		if err != nil {
			return
		}
		for name := range all {
			if !strings.Contains(name, device) {
				t.Errorf("%q was counted, which has no %q", name, device)
			}
		}
	})
}
