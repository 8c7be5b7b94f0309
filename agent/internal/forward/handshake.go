package forward

import (
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/fluent/fluent-bit-go/event"
)

// The handshake, which the server begins:
//
//	server  ["HELO", {"nonce", "auth", "keepalive"}]
//	client  ["PING", name, salt, digest(salt, name, nonce, key), user, digest(auth, user, password)]
//	server  ["PONG", ok, reason, name, digest(salt, name, nonce, key)]
//
// digest is the SHA-512 of all its parts in hexadecimal.

// Keys is what a side of a connection knows.
type Keys struct {
	Shared         string
	Name           string // of this host
	User, Password string // of the client
}

// maxHandshake is more than any message of a handshake has.
const maxHandshake = 16 << 10

func digest(parts ...[]byte) []byte {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.AppendEncode(nil, h.Sum(nil))
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func random() []byte {
	b := make([]byte, 16)
	rand.Read(b) // it never fails
	return b
}

// ReadMessage reads one value of at most limit bytes, and nothing of what follows it.
func ReadMessage(r io.Reader, limit int) (event.Value, error) {
	s := event.Scanner{Limit: limit}
	var buf []byte
	for {
		buf = append(buf, 0)
		if _, err := io.ReadFull(r, buf[len(buf)-1:]); err != nil {
			return nil, err
		}
		size, err := s.Next(buf)
		if err != nil {
			return nil, err
		}
		if size > 0 {
			v, _, err := event.CheckValue(buf)
			return v, err
		}
	}
}

// message reads an array that begins with a name.
func message(r io.Reader, name string, atLeast int) ([]event.Value, error) {
	v, err := ReadMessage(r, maxHandshake)
	if err != nil {
		return nil, fmt.Errorf("waiting for %s: %w", name, err)
	}
	var parts []event.Value
	for e := range v.Elems() {
		parts = append(parts, e)
	}
	if v.Type() != event.TypeArray || len(parts) < atLeast || string(text(parts[0])) != name {
		return nil, fmt.Errorf("the other side does not send %s", name)
	}
	return parts, nil
}

// Errors of a handshake.
var (
	ErrKey  = errors.New("the shared keys differ")
	ErrUser = errors.New("username/password mismatch")
)

// Accept does a server's part. check returns the password of a user; without it nobody has to be one.
func (k *Keys) Accept(c io.ReadWriter, password func(user string) (string, bool)) error {
	nonce, auth := random(), []byte(nil)
	if password != nil {
		auth = random()
	}
	hello := event.AppendStr(event.AppendArray(nil, 2), "HELO")
	hello = event.AppendMap(hello, 3)
	hello = event.AppendBin(event.AppendStr(hello, "nonce"), nonce)
	hello = event.AppendBin(event.AppendStr(hello, "auth"), auth)
	hello = event.AppendBool(event.AppendStr(hello, "keepalive"), true)
	if _, err := c.Write(hello); err != nil {
		return err
	}
	ping, err := message(c, "PING", 6)
	if err != nil {
		return err
	}
	client, salt := text(ping[1]), text(ping[2])
	err = ErrKey
	if same(text(ping[3]), digest(salt, client, nonce, []byte(k.Shared))) {
		err = nil
	}
	if err == nil && password != nil {
		user := text(ping[4])
		secret, known := password(string(user))
		if ok := same(text(ping[5]), digest(auth, user, []byte(secret))); !known || !ok {
			err = ErrUser
		}
	}
	pong := event.AppendStr(event.AppendArray(nil, 5), "PONG")
	pong = event.AppendBool(pong, err == nil)
	if err != nil {
		pong = event.AppendStr(event.AppendStr(event.AppendStr(pong, err.Error()), ""), "")
	} else {
		pong = event.AppendStr(event.AppendStr(pong, ""), k.Name)
		pong = event.AppendStr(pong, digest(salt, []byte(k.Name), nonce, []byte(k.Shared)))
	}
	if _, werr := c.Write(pong); werr != nil && err == nil {
		err = werr
	}
	return err
}

// Connect does a client's part.
func (k *Keys) Connect(c io.ReadWriter) error {
	hello, err := message(c, "HELO", 2)
	if err != nil {
		return err
	}
	nonce, auth := text(hello[1].Get("nonce")), text(hello[1].Get("auth"))
	if nonce == nil {
		return errors.New("the server's HELO has no nonce")
	}
	salt := []byte(hex.EncodeToString(random())[:16]) // a text, since some servers take nothing else
	ping := event.AppendStr(event.AppendArray(nil, 6), "PING")
	ping = event.AppendStr(event.AppendStr(ping, k.Name), salt)
	ping = event.AppendStr(ping, digest(salt, []byte(k.Name), nonce, []byte(k.Shared)))
	if len(auth) > 0 {
		ping = event.AppendStr(event.AppendStr(ping, k.User), digest(auth, []byte(k.User), []byte(k.Password)))
	} else {
		ping = event.AppendStr(event.AppendStr(ping, ""), "")
	}
	if _, err := c.Write(ping); err != nil {
		return err
	}
	pong, err := message(c, "PONG", 5)
	if err != nil {
		return fmt.Errorf("%w; is the shared_key the server's?", err)
	}
	if ok, _ := pong[1].Bool(); !ok {
		return fmt.Errorf("the server refuses: %s", text(pong[2]))
	}
	if !same(text(pong[4]), digest(salt, text(pong[3]), nonce, []byte(k.Shared))) {
		return fmt.Errorf("the server does not know the key: %w", ErrKey)
	}
	return nil
}
