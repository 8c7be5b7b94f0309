package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is what the listeners for one address share within this process. A reload starts an input's
// successor before it ends the input: they then hold the same socket for a moment, and no connection that
// waits in it is lost. This must be known to both, who know nothing of each other, so it is the one piece of
// state that belongs to the process.
type socket struct {
	network, address string
	file             duplicable
	inUse            bool    // its holder accepts from it, so that it may be handed over
	from             *socket // whose duplicate it is; nil for none
}

// key tells the sockets of this process apart. A port that the system chooses is nobody else's.
func (s *Settings) key() string {
	if s.Unix == "" && s.Port == 0 {
		return ""
	}
	return s.Address()
}

type duplicable interface{ File() (*os.File, error) }

var (
	socketsMu sync.Mutex
	sockets   []*socket
)

// takeOver returns a duplicate of the socket that this process has for an address already, or nil.
func takeOver(network, address string) (*os.File, *socket, error) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	var from *socket
	for _, s := range sockets {
		if address == "" || s.network != network || s.address != address {
			continue
		}
		if !s.inUse {
			return nil, nil, fmt.Errorf("another input is about to listen on %s as well; give them different ports", address)
		}
		from = s
	}
	if from == nil {
		return nil, nil, nil
	}
	f, err := from.file.File()
	return f, from, err
}

// patience is how long an input may need to end after its successor has begun.
const patience = time.Minute

// watch complains when the one that the socket was taken over from keeps it: then it is no predecessor but a
// neighbour, and each gets some of what comes.
func (s *socket) watch(log *slog.Logger) {
	if s.from == nil {
		return
	}
	time.AfterFunc(patience, func() {
		if s.shared() {
			log.Error("another input listens on " + s.address + " as well, and each gets some of what comes; give them different ports")
		}
	})
}

// shared reports whether the predecessor and s both hold the socket.
func (s *socket) shared() bool {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	both := slices.Contains(sockets, s) && slices.Contains(sockets, s.from)
	if !both {
		s.from = nil // no chain of predecessors
	}
	return both
}

func (s *socket) enter() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	sockets = append(sockets, s)
}

func (s *socket) use() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	s.inUse = true
}

// leave reports whether the socket has no other holder.
func (s *socket) leave() (last bool) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	sockets = slices.DeleteFunc(sockets, func(o *socket) bool { return o == s })
	return !slices.ContainsFunc(sockets, func(o *socket) bool { return o.network == s.network && o.address == s.address })
}

// stream opens a socket for connections.
func (s *Settings) stream() (net.Listener, *socket, error) {
	network := "tcp"
	if s.Unix != "" {
		network = "unix"
	}
	file, from, err := takeOver(network, s.key())
	if err != nil {
		return nil, nil, err
	}
	var l net.Listener
	switch {
	case file != nil:
		l, err = net.FileListener(file)
		file.Close()
	case network == "unix":
		l, err = s.unix()
	default:
		l, err = s.config().Listen(context.Background(), network, s.Address())
		if err == nil {
			err = s.setBacklog(l)
		}
	}
	if err != nil {
		return nil, nil, explain(err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // a successor may go on with it
	}
	k := &socket{network: network, address: s.key(), file: l.(duplicable), from: from}
	k.enter()
	return l, k, nil
}

func explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program listens there: stop it, or choose another port", err)
	}
	return err
}

// unix opens a unix socket. One that a dead process has left is removed; one that somebody answers is not.
func (s *Settings) unix() (net.Listener, error) {
	if conn, err := net.Dial("unix", s.Unix); err == nil {
		conn.Close()
		return nil, syscall.EADDRINUSE
	} else if info, err := os.Lstat(s.Unix); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(s.Unix)
	}
	l, err := net.Listen("unix", s.Unix)
	if err == nil && s.UnixMode != 0 {
		err = os.Chmod(s.Unix, s.UnixMode)
	}
	return l, err
}

func (s *Settings) config() *net.ListenConfig {
	return &net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if !s.SharePort {
			return nil
		}
		outer := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(outer, err)
	}}
}

// setBacklog shortens or lengthens the queue, which the library makes as long as the system allows.
func (s *Settings) setBacklog(l net.Listener) error {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	outer := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), s.Backlog) })
	return errors.Join(outer, err)
}

// Packets is a socket for datagrams. Open belongs into Start, reading into Run.
type Packets struct {
	net.PacketConn
	socket *socket
	path   string
}

// OpenPackets opens a socket for datagrams, a unix one when there is a path.
func (s *Settings) OpenPackets(log *slog.Logger) (*Packets, error) {
	network := "udp"
	if s.Unix != "" {
		network = "unixgram"
	}
	file, _, err := takeOver(network, s.key())
	var c net.PacketConn
	switch {
	case err != nil:
	case file != nil:
		c, err = net.FilePacketConn(file)
		file.Close()
	case network == "unixgram":
		c, err = s.unixgram()
	default:
		c, err = s.config().ListenPacket(context.Background(), network, s.Address())
	}
	if err != nil {
		return nil, s.failed(explain(err))
	}
	p := &Packets{c, &socket{network: network, address: s.key(), file: c.(duplicable)}, s.Unix}
	p.socket.enter()
	log.Info("listening on " + s.Address())
	return p, nil
}

// ReadFrom reads one datagram.
func (p *Packets) ReadFrom(b []byte) (int, net.Addr, error) {
	p.socket.use()
	return p.PacketConn.ReadFrom(b)
}

// Close closes the socket.
func (p *Packets) Close() error {
	err := p.PacketConn.Close()
	if p.socket.leave() && p.path != "" {
		_ = os.Remove(p.path)
	}
	return err
}

func (s *Settings) unixgram() (net.PacketConn, error) {
	if info, err := os.Lstat(s.Unix); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(s.Unix)
	}
	c, err := net.ListenPacket("unixgram", s.Unix)
	if err == nil && s.UnixMode != 0 {
		err = os.Chmod(s.Unix, s.UnixMode)
	}
	return c, err
}
