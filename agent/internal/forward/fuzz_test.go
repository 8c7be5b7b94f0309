package forward

import (
	"bytes"
	"testing"
)

// script is a peer that says what it wants to, and listens to nothing.
type script struct{ *bytes.Reader }

func (script) Write(p []byte) (int, error) { return len(p), nil }

func FuzzHandshake(f *testing.F) {
	f.Add(true, pack(nil, list{"PING", "a", "salt", "digest", "user", "digest"}))
	f.Add(false, append(pack(nil, list{"HELO", pairs{"nonce", "n", "auth", "a"}}), pack(nil, list{"PONG", 1, "", "a", "digest"})...))
	f.Fuzz(func(t *testing.T, server bool, text []byte) {
		k := Keys{Shared: "a key that nobody guesses", Name: "me", User: "u", Password: "p"}
		peer := script{bytes.NewReader(text)}
		var err error
		if server {
			err = k.Accept(peer, func(string) (string, bool) { return "", false })
		} else {
			err = k.Connect(peer)
		}
		if err == nil {
			t.Error("somebody who does not know the key is let in")
		}
	})
}
