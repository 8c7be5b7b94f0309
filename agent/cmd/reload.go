package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fluent/fluent-bit-go/agent/admin"
	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/internal/metrics"
	"github.com/fluent/fluent-bit-go/agent/internal/stats"
	"github.com/fluent/fluent-bit-go/agent/pipeline"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

// host is the running agent: the configuration in force and what can replace it.
type host struct {
	args  []string   // of the command line, which a reload reads again
	built plugin.Set // what is compiled in
	run   *pipeline.Runner

	// These are the same through all reloads.
	sink    *logger.Sink
	log     *slog.Logger
	workers *metric.Registry

	modules atomic.Pointer[modules] // set under mu

	mu    sync.Mutex
	agent *agent
}

// Stats implements [admin.Agent].
func (h *host) Stats() stats.Stats {
	s := h.run.Stats()
	s.Logs = h.sink.Lines()
	return s
}

// Metrics are the agent's own, for the HTTP API and for the input fluentbit_metrics.
func (h *host) Metrics() metric.Set {
	now := time.Now()
	s := h.Stats()
	var set metric.Set
	metrics.Append(&set, metrics.About{Version: version, Started: startTime}, &s, now)
	h.run.Collect(&set, now)
	h.workers.Collect(&set, now)
	h.modules.Load().collect(&set)
	return set
}

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
	if next.service.SecurityFIPSMode != old.service.SecurityFIPSMode {
		return errors.New("security.fips_mode has changed, which takes a restart")
	}
	next.sink, next.log, next.file, next.workers = old.sink, old.log, old.file, old.workers
	for _, key := range restartKeys(old.service, next.service) {
		old.log.Warn(key+" has changed, which takes a restart: it stays as it is", logger.Component, "reload")
	}
	before := h.modules.Load()
	mods, err := next.loadPlugins(ctx, before)
	if err != nil {
		return err
	}
	p, err := pipeline.Build(next.tree, with(h.built, mods.set), next.settings(mods, h.Metrics))
	if err != nil {
		return err
	}
	for _, e := range p.BadTasks {
		err = errors.Join(err, e) // the running tasks are better than none
	}
	if err != nil {
		return err
	}
	next.warn(p)
	left := before.without(mods)
	if err := h.run.Reload(ctx, p, func() { left.close(next.log) }); err != nil {
		mods.without(before).close(next.log)
		return err
	}
	h.agent = next
	h.modules.Store(mods)
	next.log.Info(fmt.Sprintf("the configuration was read again and is in force (reload %d)", h.run.Reloads()), logger.Component, "reload")
	return nil
}

// restartKeys names the settings that differ and that a reload leaves as they are.
func restartKeys(old, next config.Service) (changed []string) {
	for _, k := range []struct {
		name      string
		old, next any
	}{
		{"log_file", old.LogFile, next.LogFile},
		{"http_server", old.HTTPServer, next.HTTPServer},
		{"http_listen", old.HTTPListen, next.HTTPListen},
		{"http_port", old.HTTPPort, next.HTTPPort},
		{"health_check", old.HealthCheck, next.HealthCheck},
		{"hc_errors_count", old.HCErrorsCount, next.HCErrorsCount},
		{"hc_retry_failure_count", old.HCRetryFailureCount, next.HCRetryFailureCount},
		{"hc_period", old.HCPeriod, next.HCPeriod},
		{"storage.metrics", old.Storage.Metrics, next.Storage.Metrics},
	} {
		if k.old != k.next {
			changed = append(changed, k.name)
		}
	}
	return changed
}

// onHangup reloads, and logs every fault when that fails.
func (h *host) onHangup(ctx context.Context) {
	err := h.Reload(ctx)
	if err == nil {
		return
	}
	for _, e := range flatten(err) {
		h.log.Error(e.Error(), logger.Component, "reload")
	}
	if !errors.Is(err, admin.ErrNotEnabled) {
		h.log.Error("reloading is halted: the configuration that was in force stays", logger.Component, "reload")
	}
}
