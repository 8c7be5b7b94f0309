package serve

import (
	"syscall"

	"github.com/fluent/fluent-bit-go/internal/wire"
)

// socket is one end of a SOCK_SEQPACKET pair: a packet is sent whole or not at all, so that many goroutines
// may send at once. One at a time receives.
type socket struct {
	fd  int
	buf []byte
}

// packet is a message with the descriptors that came along. The payload is valid until the next receive.
type packet struct {
	frame   wire.Frame
	payload []byte
	fds     []int
}

// receive waits for a packet; false when the other end is gone or sends nonsense.
func (s *socket) receive() (p packet, ok bool) {
	if s.buf == nil {
		s.buf = make([]byte, wire.MaxPacket)
	}
	var control [64]byte
	for {
		n, oobn, _, _, err := syscall.Recvmsg(s.fd, s.buf, control[:], syscall.MSG_CMSG_CLOEXEC)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return p, false
		}
		p.fds = descriptors(control[:oobn])
		p.frame, p.payload, err = wire.Parse(s.buf[:n])
		return p, err == nil
	}
}

func descriptors(control []byte) (fds []int) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for i := range messages {
		if list, err := syscall.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, list...)
		}
	}
	return fds
}

// send writes one packet. A failure means that the agent is gone, which the receiver notices.
func (s *socket) send(f wire.Frame, payload []byte) {
	b := wire.Append(make([]byte, 0, wire.FrameSize+len(payload)), f, payload)
	for {
		if _, err := syscall.SendmsgN(s.fd, b, nil, nil, syscall.MSG_NOSIGNAL); err != syscall.EINTR {
			return
		}
	}
}
