// Package mqtt is the input mqtt: JSON that clients publish with MQTT 3.1.1. It is a server of its own and no
// broker: nobody can subscribe.
//
// https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html
package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/netinput"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the input mqtt.
var Plugin = plugin.Spec[plugin.Input]{
	Name:    "mqtt",
	Summary: "JSON messages that MQTT clients publish",
	Kinds:   event.Logs,
	Config:  func() plugin.Config[plugin.Input] { return new(config) },
}

const defaultPort = 1883

type config struct {
	where      listen.Settings
	payloadKey string
	bufferSize int64
	wait       bool
}

func (c *config) Options() []option.Option {
	return append(c.where.Options(),
		option.String("payload_key", &c.payloadKey).Help("Put the message's map under this key, beside the topic, instead of its pairs."),
		option.Size("buffer_size", &c.bufferSize).Default("2048").Help("How long a packet may be. A longer one ends its connection."),
	)
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	c.where.CountIn(env.Metrics)
	if c.bufferSize < 64 || c.bufferSize > 256<<20 {
		v, _ := option.Lookup(env.Properties, "buffer_size")
		return nil, &option.Error{Pos: v.Pos, Msg: "buffer_size is out of range", Cure: "give 64 bytes to 256M"}
	}
	if v, ok := option.Lookup(env.Properties, "storage.type"); ok && strings.EqualFold(v.Text, "filesystem") {
		c.wait = true // it takes no longer than storing the message
	}
	return &input{config: *c, env: env, bad: burst.Log{Counter: netinput.Malformed(env)}}, c.where.Check()
}

type input struct {
	config
	env plugin.Env
	l   *listen.Listener
	bad burst.Log
}

func (in *input) Start(context.Context) (err error) {
	in.l, err = in.where.Open(in.env.Log)
	return err
}

func (in *input) Close() error {
	if in.l != nil {
		in.l.Close()
	}
	return nil
}

func (in *input) Run(ctx context.Context, to plugin.Emitter) error {
	return in.l.Serve(ctx, func(ctx context.Context, c net.Conn) listen.After {
		s := session{in: in, conn: c, r: bufio.NewReader(c), to: to, received: map[uint16]bool{}}
		if err := s.run(ctx); err != nil && ctx.Err() == nil {
			in.l.Refuse(c, err)
		}
		return listen.Close
	})
}

// The kinds of packets.
const (
	connect    = 1
	connack    = 2
	publish    = 3
	puback     = 4
	pubrec     = 5
	pubrel     = 6
	pubcomp    = 7
	subscribe  = 8
	suback     = 9
	pingreq    = 12
	pingresp   = 13
	disconnect = 14
)

// session is one client's connection.
type session struct {
	in       *input
	conn     net.Conn
	r        *bufio.Reader
	to       plugin.Emitter
	begun    bool
	received map[uint16]bool // messages "exactly once" that the client has not released
}

func (s *session) run(ctx context.Context) error {
	for {
		head, body, err := s.packet()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind := head >> 4; {
		case !s.begun && kind != connect:
			return errors.New("the first packet is no CONNECT")
		case kind == connect:
			s.begun = true
			err = s.send(connack, 0, 0)
		case kind == publish:
			err = s.publish(ctx, head, body)
		case kind == pubrel && len(body) >= 2:
			delete(s.received, binary.BigEndian.Uint16(body))
			err = s.send(pubcomp, body[0], body[1])
		case kind == subscribe && len(body) >= 2:
			err = s.send(suback, refuse(body)...)
		case kind == pingreq:
			err = s.send(pingresp)
		case kind == disconnect:
			return nil
		default:
			return fmt.Errorf("packets of the kind %d are not for a server that nobody subscribes to", kind)
		}
		if err != nil {
			return err
		}
	}
}

// refuse answers a SUBSCRIBE (an ID, then texts with a byte of flags each): there is nothing to get here, which
// should not keep a client from publishing.
func refuse(body []byte) []byte {
	const failure, most = 0x80, 120 // the length has one byte
	answer, rest := append([]byte(nil), body[:2]...), body[2:]
	for len(rest) >= 2 && len(answer) < most {
		answer = append(answer, failure)
		rest = rest[min(len(rest), 3+int(binary.BigEndian.Uint16(rest))):]
	}
	return answer
}

func (s *session) send(kind byte, body ...byte) error {
	_, err := s.conn.Write(append([]byte{kind << 4, byte(len(body))}, body...))
	return err
}

var errLength = errors.New("the length of a packet is wrong")

// packet reads one packet: a byte of kind and flags, the length in 7-bit groups, the body.
func (s *session) packet() (head byte, body []byte, err error) {
	if head, err = s.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, shift := int64(0), 0
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return 0, nil, errLength
		}
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift += 7; shift > 21 {
			return 0, nil, errLength
		}
	}
	if n > s.in.bufferSize {
		return 0, nil, fmt.Errorf("a packet of %d bytes is longer than buffer_size of %d", n, s.in.bufferSize)
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(s.r, body); err != nil {
		return 0, nil, fmt.Errorf("in the middle of a packet: %w", err)
	}
	return head, body, nil
}

// publish takes one message: the topic, an ID unless nobody waits for an answer, the payload.
func (s *session) publish(ctx context.Context, head byte, body []byte) error {
	if len(body) < 2 || len(body)-2 < int(binary.BigEndian.Uint16(body)) {
		return errLength
	}
	n := 2 + int(binary.BigEndian.Uint16(body))
	topic, payload := body[2:n], body[n:]
	quality := head >> 1 & 3
	if quality == 0 {
		return s.take(ctx, topic, payload)
	}
	if len(payload) < 2 || quality == 3 {
		return errLength
	}
	id, payload := payload[:2], payload[2:]
	number := binary.BigEndian.Uint16(id)
	if !s.received[number] {
		if err := s.take(ctx, topic, payload); err != nil {
			return err
		}
	}
	if quality == 1 {
		return s.send(puback, id...)
	}
	s.received[number] = true
	return s.send(pubrec, id...)
}

// take brings a message to the pipeline; with file storage it waits until it is stored. One that is no JSON map
// is left out.
func (s *session) take(ctx context.Context, topic, payload []byte) error {
	in := s.in
	body, used, err := event.ParseJSON(nil, payload)
	switch {
	case err == nil && (event.Value(body).Type() != event.TypeMap || len(strings.TrimSpace(string(payload[used:]))) > 0):
		err = errors.New("it is no JSON map")
		fallthrough
	case err != nil:
		in.bad.Warn(in.env.Log, fmt.Sprintf("message of %s left out: %.80q: %v", s.conn.RemoteAddr(), payload, err))
		return nil
	}
	b := event.New(in.env.Tag)
	b.Commit(in.record(b.Begin(event.Now()), topic, body))
	settled := make(chan struct{})
	if in.wait {
		b.OnSettled(func(event.Outcome) { close(settled) })
	} else {
		close(settled)
	}
	if err := s.to.Emit(ctx, b); err != nil {
		return err
	}
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *input) record(dst, topic []byte, payload event.Value) []byte {
	if in.payloadKey != "" {
		dst = event.AppendStr(event.AppendStr(event.AppendMap(dst, 2), "topic"), topic)
		return append(event.AppendStr(dst, in.payloadKey), payload...)
	}
	dst = event.AppendStr(event.AppendStr(event.AppendMap(dst, payload.Len()+1), "topic"), topic)
	for k, v := range payload.Pairs() {
		dst = append(append(dst, k...), v...)
	}
	return dst
}
