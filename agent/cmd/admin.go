package cmd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/fluent/fluent-bit-go/agent/admin"
	"github.com/fluent/fluent-bit-go/agent/internal/logger"
	"github.com/fluent/fluent-bit-go/plugin"
)

// serveAdmin starts the HTTP API and returns what ends it. It outlives reloads.
func (h *host) serveAdmin(ctx context.Context) (end func(), err error) {
	a := h.agent
	log := logger.New(a.sink, "http_server", logger.Options{Level: a.level})
	all := with(h.built, h.modules.Load().set)
	s, err := admin.Listen(admin.Options{
		Listen: net.JoinHostPort(a.service.HTTPListen, strconv.Itoa(a.service.HTTPPort)),
		Health: admin.Limits{
			On: a.service.HealthCheck, Errors: uint64(a.service.HCErrorsCount),
			RetriesFailed: uint64(a.service.HCRetryFailureCount), Period: a.service.HCPeriod,
		},
		Storage: a.service.Storage.Metrics,
		About: admin.About{
			Version: version, Started: startTime,
			Inputs: namesOf(all.Inputs), Filters: namesOf(all.Filters), Outputs: namesOf(all.Outputs),
		},
		Log: log,
	}, h)
	if err != nil {
		return nil, err
	}
	log.Info(fmt.Sprintf("listen iface=%s tcp_port=%d", a.service.HTTPListen, a.service.HTTPPort))
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // it answers until the very end
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(ctx); err != nil {
			log.Error(err.Error())
		}
	})
	return func() { stop(); serving.Wait() }, nil
}

func namesOf[P any](specs []plugin.Spec[P]) (names []string) {
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return names
}
