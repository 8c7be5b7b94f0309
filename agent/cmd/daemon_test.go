package cmd

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestTheSupervisorOutlivesAHangup(t *testing.T) {
	signals := make(chan os.Signal, 2)
	signals <- syscall.SIGHUP
	signals <- syscall.SIGCONT
	if pause(time.Millisecond, signals) {
		t.Error("a hangup between two starts ended the supervisor")
	}
	signals <- syscall.SIGTERM
	if !pause(time.Hour, signals) {
		t.Error("SIGTERM did not")
	}
}
