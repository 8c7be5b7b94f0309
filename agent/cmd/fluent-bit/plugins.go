package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/agent/worker"
	"github.com/fluent/fluent-bit-go/plugin"
)

var noPlugins plugin.Set

// modules are the plugin files that were loaded.
type modules struct {
	set  plugin.Set
	open []*worker.Module
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

// loadPlugins probes the files and makes plugins of them. Their workers start with the pipeline.
func (a *agent) loadPlugins(ctx context.Context) (*modules, error) {
	infos, err := probe(ctx, a.tree.Plugins)
	if err != nil {
		return nil, err
	}
	m := &modules{}
	for _, info := range infos {
		mod := worker.New(info, worker.Options{
			Log:   logger.New(a.sink, "plugin:"+info.Name, logger.Options{Level: a.level}),
			Grace: a.service.Grace,
		})
		m.open = append(m.open, mod)
		m.add(mod, info.Type)
		a.log.Info(fmt.Sprintf("loaded %s plugin '%s' from %s", info.Type, info.Name, info.Path), logger.Component, "plugin")
	}
	return m, nil
}

func (m *modules) add(mod *worker.Module, t worker.Type) {
	switch t {
	case worker.Input:
		m.set.Inputs = append(m.set.Inputs, mod.InputSpec())
	case worker.Output:
		m.set.Outputs = append(m.set.Outputs, mod.OutputSpec())
	case worker.Custom:
		m.set.Customs = append(m.set.Customs, mod.CustomSpec())
	}
}

// join puts the loaded plugins behind the built-in ones: of two with one name the later one counts.
func (m *modules) join(set plugin.Set) plugin.Set {
	set.Inputs = append(set.Inputs, m.set.Inputs...)
	set.Outputs = append(set.Outputs, m.set.Outputs...)
	set.Customs = append(set.Customs, m.set.Customs...)
	return set
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
