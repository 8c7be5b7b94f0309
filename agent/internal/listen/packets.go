package listen

import (
	"context"
	"errors"
	"net"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// largest is more than any datagram has.
const largest = 64 << 10

// Run emits a batch per datagram, unless it is empty, until ctx ends; then the socket is closed. The packet is
// valid until batch returns.
func (p *Packets) Run(ctx context.Context, to plugin.Emitter, batch func(packet []byte, from net.Addr) *event.Batch) error {
	defer p.Close()
	defer context.AfterFunc(ctx, func() { p.Close() })()
	buf := make([]byte, largest)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		b := batch(buf[:n], from)
		if b.Len() == 0 {
			continue
		}
		if err := to.Emit(ctx, b); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}
