package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/plugin"
)

var noPlugins plugin.Set

// modules are the plugin files that were loaded.
type modules struct {
	set  plugin.Set
	open []module
}

// module is one plugin file. As long as the file and all sections that use it are the same, a reload keeps
// its worker.
type module struct {
	*worker.Module
	print string
}

// probe asks every plugin file what it is. Init does not run.
func probe(ctx context.Context, files []config.PluginFile) ([]worker.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return worker.ProbeAll(ctx, paths)
}

// loadPlugins probes the files and makes plugins of them, or takes those of old that have not changed. Their
// workers start with the pipeline.
func (a *agent) loadPlugins(ctx context.Context, old *modules) (*modules, error) {
	infos, err := probe(ctx, a.tree.Plugins)
	if err != nil {
		return nil, err
	}
	m := &modules{}
	for _, info := range infos {
		print, err := a.fingerprint(info)
		if err != nil {
			return nil, err
		}
		mod, known := old.find(info.Path, print)
		if !known {
			mod = module{print: print, Module: worker.New(info, worker.Options{
				Log:       logger.New(a.sink, "plugin:"+info.Name, logger.Options{Level: a.level}),
				Grace:     a.service.Grace,
				HotReload: old != nil,
				Restarts:  a.workers.Counter("restarts_total", "Worker processes of plugin files that took a dead one's place.", metric.L("plugin", info.Name)),
			})}
			a.log.Info(fmt.Sprintf("loaded %s plugin '%s' from %s", info.Type, info.Name, info.Path), logger.Component, "plugin")
		}
		m.open = append(m.open, mod)
		m.add(mod.Module, info.Type)
	}
	return m, nil
}

// fingerprint says what a plugin file holds and how it is used. All its instances live in one worker, so
// one that changes changes them all.
func (a *agent) fingerprint(info worker.Info) (string, error) {
	hash, err := worker.ContentHash(info.Path)
	if err != nil {
		return "", err
	}
	var uses []config.Section
	for _, list := range [][]config.Section{a.tree.Customs, a.tree.Inputs, a.tree.Filters, a.tree.Outputs} {
		for _, s := range list {
			if strings.EqualFold(s.Name, info.Name) {
				uses = append(uses, s)
			}
		}
	}
	return hash + config.Fingerprint(uses...), nil
}

func (m *modules) find(path, print string) (module, bool) {
	if m == nil {
		return module{}, false
	}
	i := slices.IndexFunc(m.open, func(o module) bool { return o.Info().Path == path && o.print == print })
	if i < 0 {
		return module{}, false
	}
	return m.open[i], true
}

// without returns the modules of m that are not in other.
func (m *modules) without(other *modules) *modules {
	rest := &modules{}
	for _, mod := range m.open {
		if !slices.Contains(other.open, mod) {
			rest.open = append(rest.open, mod)
		}
	}
	return rest
}

// identity is the fingerprint of the plugin of that name, "" for one that is built in.
func (m *modules) identity(kind, name string) string {
	for _, mod := range m.open {
		if info := mod.Info(); info.Name == name && info.Type.String() == kind {
			return mod.print
		}
	}
	return ""
}

func (m *modules) add(mod *worker.Module, t worker.Type) {
	switch t {
	case worker.Input:
		m.set.Inputs = append(m.set.Inputs, mod.InputSpec())
	case worker.Filter:
		m.set.Filters = append(m.set.Filters, mod.FilterSpec())
	case worker.Output:
		m.set.Outputs = append(m.set.Outputs, mod.OutputSpec())
	case worker.Custom:
		m.set.Customs = append(m.set.Customs, mod.CustomSpec())
	}
}

// collect adds what plugins in workers count.
func (m *modules) collect(s *metric.Set) {
	for _, mod := range m.open {
		mod.Collect(s)
	}
}

// close ends the workers that are left. Instances were closed with the pipeline, within the grace period.
func (m *modules) close(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, mod := range m.open {
		if err := mod.Close(ctx); err != nil {
			log.Warn(fmt.Sprintf("%s did not end as it should: %v", mod.Info().Name, err), logger.Component, "plugin")
		}
	}
}
