package cmd

import (
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
)

func TestSettingsThatAReloadLeavesAreNamed(t *testing.T) {
	a := config.Service{HTTPServer: true, HTTPPort: 2020}
	b := a
	b.HTTPPort, b.LogFile, b.Flush = 2021, "log", 5
	if got := restartKeys(a, b); !slices.Equal(got, []string{"log_file", "http_port"}) {
		t.Error(got)
	}
}

func TestAHangupMayMeetAReload(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	h := &host{log: log, agent: &agent{log: log}}
	var reloads sync.WaitGroup
	reloads.Go(func() {
		for range 1000 {
			h.mu.Lock()
			h.agent = &agent{log: log}
			h.mu.Unlock()
		}
	})
	for range 1000 {
		h.onHangup(t.Context())
	}
	reloads.Wait()
}
