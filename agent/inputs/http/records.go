package http

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/jsonstream"
	"github.com/fluent/fluent-bit-go/event"
)

type body uint8

const (
	bodyJSON body = iota
	bodyForm
)

func contentType(r *http.Request) (body, error) {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/json", "application/x-ndjson", "application/ndjson":
		return bodyJSON, nil
	case "application/x-www-form-urlencoded":
		return bodyForm, nil
	case "":
		return 0, errors.New("header 'Content-Type' is not set")
	}
	return 0, errors.New("invalid 'Content-Type', records are sent as application/json or application/x-www-form-urlencoded")
}

func parse(kind body, text []byte) ([]event.Value, error) {
	if kind == bodyForm {
		return parseForm(text)
	}
	return parseJSON(text)
}

// parseJSON reads maps and arrays of maps, one behind the other, maybe with commas between them. One fault
// refuses all of them, so that a client may send the whole again.
func parseJSON(text []byte) (records []event.Value, err error) {
	dst := make([]byte, 0, len(text))
	for {
		if text = bytes.TrimLeft(text, jsonstream.Separators); len(text) == 0 {
			break
		}
		out, used, err := event.ParseJSON(dst, text)
		if err != nil {
			return nil, err
		}
		v := event.Value(out[len(dst):])
		dst, text = out, text[used:]
		switch v.Type() {
		case event.TypeMap:
			records = append(records, v)
		case event.TypeArray:
			for e := range v.Elems() {
				if e.Type() != event.TypeMap {
					return nil, errors.New("an item of the array is not a map")
				}
				records = append(records, e)
			}
		default:
			return nil, errors.New("the JSON is neither a map nor an array of maps")
		}
	}
	return records, nil
}

// parseForm makes one record of a form's fields, in their order.
func parseForm(text []byte) ([]event.Value, error) {
	var pairs []byte
	n := 0
	for field := range strings.SplitSeq(string(text), "&") {
		key, val, found := strings.Cut(strings.TrimPrefix(field, "\n"), "=")
		if !found || key == "" {
			continue
		}
		pairs = event.AppendStr(pairs, decode(key))
		pairs = event.AppendStr(pairs, decode(val))
		n++
	}
	if n == 0 {
		return nil, errors.New("the form has no field")
	}
	return []event.Value{append(event.AppendMap(nil, n), pairs...)}, nil
}

// decode keeps what is wrongly encoded as it is.
func decode(s string) string {
	s = strings.TrimSpace(s)
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// tag makes a tag of a path without its first / or of a record's text: letters, digits, dots and _ stay.
func tag(s string) string {
	t := []byte(s)
	for i, c := range t {
		if c != '_' && c != '.' && !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			t[i] = '_'
		}
	}
	return string(t)
}

// remote is the client's address, "" when it is not wanted.
func (in *input) remote(r *http.Request) string {
	if !in.addRemote {
		return ""
	}
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if first = strings.TrimSpace(first); first != "" {
		return first
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (in *input) answerHealth(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\n  \"status\": \"ok\",\n  \"timestamp\": \"%s\"\n}\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"))
}
