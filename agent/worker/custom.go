package worker

import (
	"context"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// CustomSpec shows the file as a custom plugin: it has an Init and an Exit, and works by itself in between.
func (m *Module) CustomSpec() plugin.Spec[plugin.Custom] {
	return plugin.Spec[plugin.Custom]{
		Name:    m.info.Name,
		Summary: m.info.Description,
		Config:  func() plugin.Config[plugin.Custom] { return &customConfig{m: m} },
	}
}

type customConfig struct {
	m   *Module
	set settings
}

func (c *customConfig) Options() []option.Option { return c.set.options(c.m.info) }

func (c *customConfig) New(env plugin.Env) (plugin.Custom, error) {
	i, err := c.m.newInstance(env, c.set)
	if err != nil {
		return nil, err
	}
	return &custom{i}, nil
}

type custom struct{ *instance }

// Start calls FLBPluginInit.
func (c *custom) Start(ctx context.Context) error { return c.m.start(ctx, c.instance) }

// Background waits; the worker does the work.
func (c *custom) Background(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Close calls FLBPluginExit.
func (c *custom) Close() error { return c.m.end(c.instance) }
