package upstream

import (
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// NodeSettings reads one node of an upstream's definition: its place and its tls.*, and what more options
// of the protocol it may set. net.* is what the output says.
func NodeSettings(n plugin.Node, net Net, more ...option.Option) (*Settings, error) {
	s := &Settings{Net: net}
	opts := append(append(s.Place(), s.TLS.Options()...), more...)
	if err := option.Decode(opts, n.Properties, n.Pos); err != nil {
		return nil, err
	}
	missing := func(key string) error {
		return &option.Error{Pos: n.Pos, Msg: fmt.Sprintf("the upstream's node '%s' has no %s", n.Name, key), Cure: "add the property '" + key + "'"}
	}
	switch {
	case n.Name == "":
		return nil, missing("name")
	case s.Host == "":
		return nil, missing("host")
	case s.Port == 0:
		return nil, missing("port")
	}
	return s, s.Check()
}

// Group is servers that stand in for each other. T is what the protocol knows about each.
type Group[T any] struct {
	members []Member[T]
	turn    atomic.Uint32
}

// Member is one server of a group.
type Member[T any] struct {
	*Upstream
	Data T
}

// Add makes an upstream for one more server.
func (g *Group[T]) Add(s *Settings, data T, log *slog.Logger) error {
	u, err := s.New(log)
	if err != nil {
		return err
	}
	g.members = append(g.members, Member[T]{u, data})
	return nil
}

// Turn returns the servers in the order in which to try them. The first is another one each time.
func (g *Group[T]) Turn() []Member[T] {
	if len(g.members) < 2 {
		return g.members // fast path
	}
	first := int((g.turn.Add(1) - 1) % uint32(len(g.members)))
	return slices.Concat(g.members[first:], g.members[:first])
}

// Close closes all servers' connections.
func (g *Group[T]) Close() {
	for _, m := range g.members {
		m.Close()
	}
}
