package cmd

import (
	"slices"
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
