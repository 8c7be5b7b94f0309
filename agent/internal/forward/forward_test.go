package forward

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

// pack encodes values: nil, bool, int, string, []byte, event.Time, a list, or a map as pairs in a list.
type pairs []any

func pack(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return event.AppendNil(dst)
	case int:
		return event.AppendInt(dst, int64(v))
	case float64:
		return event.AppendFloat(dst, v)
	case string:
		return event.AppendStr(dst, v)
	case []byte:
		return event.AppendBin(dst, v)
	case event.Time:
		return event.AppendTime(dst, v)
	case []any:
		dst = event.AppendArray(dst, len(v))
		for _, e := range v {
			dst = pack(dst, e)
		}
		return dst
	case pairs:
		dst = event.AppendMap(dst, len(v)/2)
		for _, e := range v {
			dst = pack(dst, e)
		}
		return dst
	}
	panic(v)
}

type list = []any

func show(m Message, err error) string {
	if err != nil {
		return err.Error()
	}
	b, err := m.Batch()
	var all []string
	for r := range b.Records() {
		all = append(all, inputtest.Text(event.AppendInt(nil, r.Time().Sec))+inputtest.Text(r.Meta())+inputtest.Text(r.Body()))
	}
	text := m.Tag + " " + strings.Join(all, " ")
	if m.Chunk != nil {
		text += " chunk " + inputtest.Text(m.Chunk)
	}
	if err != nil {
		text += " " + err.Error()
	}
	return text
}

func TestMessagesOfEveryFormAreRead(t *testing.T) {
	check := func(v any, want string) {
		t.Helper()
		if got := show(Decode(pack(nil, v), 1000)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	rec := pairs{"a", 1}
	check(list{"t", 5, rec}, `t 5{}{"a":1}`)
	check(list{[]byte("t"), event.Time{Sec: 5}, rec, nil}, `t 5{}{"a":1}`)
	check(list{"t", 5.5, rec, pairs{"chunk", "abc", "metadata", pairs{"m", 2}}}, `t 5{"m":2}{"a":1} chunk "abc"`)
	check(list{"t", list{list{5, rec}, list{list{event.Time{Sec: 6}, pairs{"m", 1}}, rec}}}, `t 5{}{"a":1} 6{"m":1}{"a":1}`)
	check(list{"t", list{}, pairs{"size", 0, "chunk", "c"}}, `t  chunk "c"`)
	packed := string(pack(pack(nil, list{5, rec}), list{6, rec}))
	check(list{"t", packed}, `t 5{}{"a":1} 6{}{"a":1}`)
	check(list{"t", []byte(packed), pairs{"chunk", []byte("c"), "fluent_signal", 0}}, `t 5{}{"a":1} 6{}{"a":1} chunk c40163`)
	for _, k := range []compression.Kind{compression.Gzip, compression.Zstd} {
		squeezed := compression.Append(nil, k, []byte(packed))
		check(list{"t", squeezed, pairs{"compressed", string(k)}}, `t 5{}{"a":1} 6{}{"a":1}`)
		check(list{"t", squeezed, pairs{"compressed", "gzip"}}, `t 5{}{"a":1} 6{}{"a":1}`)
		check(list{"t", append(squeezed, squeezed...), nil}, `t 5{}{"a":1} 6{}{"a":1} 5{}{"a":1} 6{}{"a":1}`)
	}
	many := list{}
	for range 20 {
		many = append(many, list{5, pairs{}})
	}
	check(list{"t", many}, "t"+strings.Repeat(" 5{}{}", 20))
}

func TestWhatIsNoMessageIsRefused(t *testing.T) {
	check := func(v any, want string) {
		t.Helper()
		if got := show(Decode(pack(nil, v), 1000)); !strings.Contains(got, want) {
			t.Errorf("got %s, want …%s…", got, want)
		}
	}
	check(7, "not a message")
	check(list{"t"}, "not a message")
	check(list{"t", nil}, "not a message")
	check(list{"t", pairs{}}, "not a message")
	check(list{"t", 1, pairs{}, nil, nil}, "not a message")
	check(list{7, 5, pairs{}}, "tag of a message is no text")
	check(list{strings.Repeat("t", 65532), 5, pairs{}}, "tag of a message is no text, or longer")
	check(list{"t", 5, "x"}, "record of a message is no map")
	check(list{"t", 5}, "record of a message is no map")
	check(list{"t", list{}, 7}, "option of a message is no map")
	check(list{"t", list{}, pairs{"chunk", 7}}, "chunk of a message is no text")
	check(list{"t", "", pairs{"fluent_signal", 9}}, "signal of a message is none")
	check(list{"t", "x", pairs{"compressed", "gzip"}}, "says that it is compressed with 'gzip', but it is not")
	check(list{"t", "\x1f\x8bx"}, "not gzip")
	bomb := compression.Append(nil, compression.Gzip, make([]byte, 1_000_000))
	check(list{"t", bomb, pairs{"compressed", "gzip"}}, "larger than 1000 bytes")
	check(list{"t", list{list{5, pairs{"a", 1}}, 7, list{6, pairs{"b", 1}}}}, `t 5{}{"a":1} 6{}{"b":1} 1 malformed record(s)`)
	check(list{"t", "\xdd\xff\xff\xff\xff"}, `t  1 malformed record(s)`)
}

func TestOtherSignalsAreCarriedAsTheyAre(t *testing.T) {
	payload := pack(nil, pairs{"meta", list{}})
	m, err := Decode(pack(nil, list{"m", payload, pairs{"fluent_signal", 1}}), 1000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Batch()
	if err != nil || b.Kind != event.Metrics || string(b.Bytes()) != string(payload) {
		t.Errorf("%v %x %v", b.Kind, b.Bytes(), err)
	}
	m, err = Decode(pack(nil, list{"m", "\xc1", pairs{"fluent_signal", 2}}), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Batch(); err == nil {
		t.Error("bytes that are no MessagePack are accepted")
	}
}

func TestHandsAreShakenByThoseWhoKnowTheKey(t *testing.T) {
	check := func(server, client Keys, users map[string]string, want error) {
		t.Helper()
		a, b := net.Pipe()
		var password func(string) (string, bool)
		if users != nil {
			password = func(u string) (string, bool) { p, ok := users[u]; return p, ok }
		}
		done := make(chan error, 1)
		go func() { done <- server.Accept(a, password); a.Close() }()
		cerr := client.Connect(b)
		b.Close()
		if serr := <-done; !errors.Is(serr, want) || (cerr == nil) != (want == nil) {
			t.Errorf("%v %v: server %v, client %v, want %v", client, users, serr, cerr, want)
		}
	}
	key := Keys{Shared: "sesame", Name: "a"}
	users := map[string]string{"ann": "secret"}
	check(key, Keys{Shared: "sesame", Name: "b"}, nil, nil)
	check(Keys{Name: "a"}, Keys{Name: "b"}, nil, nil)
	check(key, Keys{Shared: "sesam", Name: "b"}, nil, ErrKey)
	check(key, Keys{Shared: "sesame", User: "ann", Password: "secret"}, users, nil)
	check(key, Keys{Shared: "sesame", User: "ann", Password: "wrong"}, users, ErrUser)
	check(key, Keys{Shared: "sesame", User: "bob", Password: ""}, users, ErrUser)
	check(key, Keys{Shared: "sesame"}, users, ErrUser)
}

func TestAServerThatDoesNotKnowTheKeyIsFoundOut(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		_, _ = a.Write(pack(nil, list{"HELO", pairs{"nonce", "n", "auth", ""}}))
		_, _ = ReadMessage(a, maxHandshake)
		out := event.AppendArray(nil, 5)
		out = event.AppendBool(event.AppendStr(out, "PONG"), true)
		for range 3 {
			out = event.AppendStr(out, "x")
		}
		_, _ = a.Write(out)
	}()
	if err := (&Keys{Shared: "sesame"}).Connect(b); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestHostileHandshakesEnd(t *testing.T) {
	for _, text := range []string{"\xdd\xff\xff\xff\xff", "\xc1", "GET / HTTP/1.1\r\n\r\n", string(pack(nil, list{"PING"})), string(pack(nil, list{"PING", 1, 2, 3, 4, 5})), "\xdb\x00\x01\x00\x00"} {
		a, b := net.Pipe()
		go func() {
			_, _ = ReadMessage(b, maxHandshake)
			_, _ = b.Write([]byte(text))
			_, _ = ReadMessage(b, maxHandshake)
			b.Close()
		}()
		if err := (&Keys{Shared: "sesame"}).Accept(a, nil); err == nil {
			t.Errorf("%q is accepted", text)
		}
		a.Close()
	}
}

func FuzzDecode(f *testing.F) {
	rec := list{5, pairs{"a", 1}}
	for _, v := range []any{
		list{"t", 5, pairs{}}, list{"t", list{rec}, pairs{"chunk", "x"}}, list{"t", string(pack(nil, rec))},
		list{"t", compression.Append(nil, compression.Zstd, pack(nil, rec)), pairs{"compressed", "zstd", "fluent_signal", 1}},
	} {
		f.Add(pack(nil, v))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, _, err := event.CheckValue(raw)
		if err != nil {
			return
		}
		m, err := Decode(frame, 1<<16)
		if err != nil {
			return
		}
		b, err := m.Batch()
		if b == nil {
			if err == nil {
				t.Fatal("neither batch nor error")
			}
			return
		}
		for r := range b.Records() {
			_, _, _ = r.Time(), r.Meta(), r.Body()
		}
	})
}
