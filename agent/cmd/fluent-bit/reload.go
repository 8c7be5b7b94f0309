package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/admin"
	"github.com/fluent/fluent-bit-go/agent/builtin"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
)

// host is the running agent: the configuration in force and what can replace it.
type host struct {
	args []string // of the command line, which a reload reads again
	run  *pipeline.Runner

	mu      sync.Mutex
	agent   *agent
	modules *modules
}

// Stats implements [admin.Agent].
func (h *host) Stats() stats.Stats { return h.run.Stats() }

// Reload reads the configuration again and puts it into force. After an error the agent goes on as before.
// It implements [admin.Agent].
func (h *host) Reload(ctx context.Context) error {
	if !h.mu.TryLock() {
		return admin.ErrInProgress
	}
	defer h.mu.Unlock()
	old := h.agent
	if !old.service.HotReload {
		return admin.ErrNotEnabled
	}
	c, err := parseArgs(h.args)
	if err != nil {
		return err
	}
	next, err := load(c)
	if err != nil {
		return err
	}
	next.sink, next.log, next.file = old.sink, old.log, old.file
	if next.service.LogFile != old.service.LogFile {
		old.log.Warn("log_file has changed, which takes a restart: the log stays where it is", logger.Component, "reload")
	}
	mods, err := next.loadPlugins(ctx, h.modules)
	if err != nil {
		return err
	}
	p, err := pipeline.Build(next.tree, mods.join(builtin.Plugins()), next.settings(mods))
	if err != nil {
		return err
	}
	next.warn(p)
	left := h.modules.without(mods)
	if err := h.run.Reload(ctx, p, func() { left.close(next.log) }); err != nil {
		mods.without(h.modules).close(next.log)
		return err
	}
	h.agent, h.modules = next, mods
	next.log.Info(fmt.Sprintf("the configuration was read again and is in force (reload %d)", h.run.Reloads()), logger.Component, "reload")
	return nil
}

// onHangup reloads, and tells every fault when that fails.
func (h *host) onHangup(ctx context.Context) {
	err := h.Reload(ctx)
	if err == nil {
		return
	}
	log := h.agent.log // the sink is the same through all reloads
	for _, e := range flatten(err) {
		log.Error(e.Error(), logger.Component, "reload")
	}
	if !errors.Is(err, admin.ErrNotEnabled) {
		log.Error("reloading is halted: the configuration that was in force stays", logger.Component, "reload")
	}
}
