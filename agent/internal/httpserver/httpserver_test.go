package httpserver

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/listen"
)

func TestAPanicIsInTheLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	where := listen.Settings{Listen: "127.0.0.1", Backlog: 1}
	l, err := where.Open(logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- new(Settings).Serve(ctx, l, true, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("nobody thought of this") }), logger)
	}()
	if resp, err := http.Get("http://" + l.Addr().String()); err == nil {
		resp.Body.Close()
		t.Error(resp.Status)
	}
	stop()
	if err := <-done; err != nil || !strings.Contains(log.String(), "nobody thought of this") {
		t.Error(err, log.String())
	}
}
