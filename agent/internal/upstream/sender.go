package upstream

import (
	"context"

	"github.com/fluent/fluent-bit-go/plugin"
)

// Sender is for outputs to embed that send to one server: their Start and Close are its own.
type Sender struct {
	Up    *Upstream // from Start on
	Env   plugin.Env
	where Settings
}

// Sender checks the settings of an output whose server listens on that port unless they say otherwise.
func (s *Settings) Sender(env plugin.Env, port int) (Sender, error) {
	s.Default(port)
	s.Net.CountIn(env.Metrics)
	return Sender{Env: env, where: *s}, s.Check()
}

// Start makes the way to the server. It does not connect.
func (s *Sender) Start(context.Context) (err error) {
	s.Up, err = s.where.New(s.Env.Log)
	return err
}

// Close ends connections that are kept for later.
func (s *Sender) Close() error {
	if s.Up != nil {
		s.Up.Close()
	}
	return nil
}
