package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
)

// tokens is the token to identify with, read anew from time to time since it runs out.
type tokens struct {
	options *serverOptions
	log     *slog.Logger

	mu      sync.Mutex
	token   string
	until   time.Time
	trouble burst.Log
}

func newTokens(o *serverOptions, log *slog.Logger) *tokens { return &tokens{options: o, log: log} }

// commandTime is how long kube_token_command may run.
const commandTime = 10 * time.Second

// get returns the token, or "" when there is none: a server may do without.
func (t *tokens) get(ctx context.Context) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Before(t.until) {
		return t.token
	}
	text, err := t.read(ctx)
	switch {
	case err == nil:
		t.token = string(bytes.TrimSpace(text))
		t.until = now.Add(t.options.tokenTTL)
	case t.options.tokenCommand == "" && os.IsNotExist(err):
		t.until = now.Add(time.Second) // not in a pod
	default:
		t.until = now.Add(time.Second)
		t.trouble.Error(t.log, fmt.Sprintf("cannot get the token to identify with: %v", err))
	}
	return t.token
}

func (t *tokens) read(ctx context.Context) ([]byte, error) {
	if t.options.tokenCommand == "" {
		return os.ReadFile(t.options.tokenFile)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", t.options.tokenCommand)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil && len(bytes.TrimSpace(out)) == 0 {
		err = fmt.Errorf("kube_token_command printed nothing")
	}
	return out, err
}

// forget has the token read again when it is needed next.
func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}
