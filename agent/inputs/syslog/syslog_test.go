package syslog

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/event"
)

// priorities reads "<7>text".
type priorities struct{}

func (priorities) Parse(dst, line []byte) ([]byte, event.Time, error) {
	pri, text, ok := strings.Cut(strings.TrimPrefix(string(line), "<"), ">")
	if !ok {
		return dst, event.Time{}, errors.New("no priority")
	}
	dst = event.AppendStr(event.AppendStr(event.AppendMap(dst, 2), "pri"), pri)
	return event.AppendStr(event.AppendStr(dst, "text"), text), event.Time{}, nil
}

func kit() *inputtest.Kit {
	k := inputtest.New()
	for _, name := range []string{"syslog-rfc5424", "syslog-rfc3164-local", "own"} {
		k.Parsers[name] = priorities{}
	}
	return k
}

// start runs an input and returns a connection to it.
func start(t *testing.T, k *inputtest.Kit, pairs ...string) net.Conn {
	t.Helper()
	built, err := k.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	if in.where.Unix == "" {
		in.where.Port = 0
	}
	k.Serve(t, in)
	var a net.Addr
	if in.l != nil {
		a = in.l.Addr()
	} else {
		a = in.c.LocalAddr()
	}
	c, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

func TestWhatClientsSendMakesNoLinesInTheLog(t *testing.T) {
	k := kit()
	c := start(t, k, "mode", "udp")
	fmt.Fprint(c, "nonsense\n[error] a lie\x1b[31m")
	fmt.Fprint(c, "<1>one")
	k.WaitFor(t, 1)
	if log := k.Log(); !strings.Contains(log, `nonsense\\n[error] a lie\\x1b[31m`) { // escaped once by us, once by the log's quotes
		t.Error(log)
	}
}

func TestMessagesArriveInEveryMode(t *testing.T) {
	dir := t.TempDir()
	for _, pairs := range [][]string{
		{"path", dir + "/udp"}, {"mode", "unix_tcp", "path", dir + "/tcp", "unix_perm", "0600"}, {"mode", "tcp"}, {"mode", "udp", "receive_buffer_size", "100K"},
	} {
		k := kit()
		c := start(t, k, pairs...)
		fmt.Fprint(c, "<1>one\n")
		fmt.Fprint(c, "nonsense\n")
		fmt.Fprint(c, "<2>two\n")
		k.WaitFor(t, 2)
		got := strings.ReplaceAll(strings.Join(k.Records(), " "), `\n`, "")
		if got != `{"pri":"1","text":"one"} {"pri":"2","text":"two"}` || !strings.Contains(k.Log(), "message left out") {
			t.Errorf("%v: %s\n%s", pairs, got, k.Log())
		}
	}
}

func TestMessageAndSenderMayBeKept(t *testing.T) {
	k := kit()
	c := start(t, k, "mode", "tcp", "raw_message_key", "raw", "source_address_key", "from", "parser", "own")
	fmt.Fprint(c, "<1>one\n")
	k.WaitFor(t, 1)
	k.Want(t, fmt.Sprintf(`{"pri":"1","text":"one","raw":"<1>one","from":"tcp://%s"}`, c.LocalAddr()))
}

// decoder is an input with one framing.
func decoder(t testing.TB, f framing) *input {
	t.Helper()
	built, err := kit().Build(new(config), "mode", "tcp", "format", string(f), "buffer_max_size", "40000")
	if err != nil {
		t.Fatal(err)
	}
	return built.(*input)
}

// feed gives bytes in pieces of a size, as a connection does.
func feed(in *input, text string, size int) (string, error) {
	b := event.New("t")
	var buf []byte
	for len(text) > 0 {
		n := min(size, len(text))
		buf = append(buf, text[:n]...)
		text = text[n:]
		used, err := in.decode(b, "", buf, text == "")
		if err != nil {
			return show(b), err
		}
		buf = buf[used:]
	}
	return show(b), nil
}

func show(b *event.Batch) string {
	var all []string
	for r := range b.Records() {
		all = append(all, string(r.Get("text").Str()))
	}
	return strings.Join(all, "|")
}

func TestMessagesAreToldApart(t *testing.T) {
	check := func(f framing, text, want string, bad string) {
		t.Helper()
		in := decoder(t, f)
		for _, size := range []int{1, 3, 1000} {
			got, err := feed(in, text, size)
			if got != want || (err == nil) != (bad == "") || err != nil && !strings.Contains(err.Error(), bad) {
				t.Errorf("%q by %d: %q, %v, want %q, %s", text, size, got, err, want, bad)
			}
		}
	}
	check(newline, "<1>a\n\n<1>b\x00<1>c", "a|b|c", "")
	check(octets, "4 <1>a6 <1>b\nc\n4 <1>d0 4 <1>e", "a|b\nc|d|e", "")
	check(octets, "4 <1>a9 <1>b", "a", "")
	check(octets, "4 <1>a<1>b", "a", "does not begin with its length")
	check(octets, "18446744073709551615 <1>a", "", "longer than buffer_max_size")
	check(octets, "4<1>a", "", "does not begin with its length")
}

func TestAMessageBeyondTheBufferEndsItsConnection(t *testing.T) {
	k := kit()
	c := start(t, k, "mode", "tcp", "buffer_chunk_size", "100", "buffer_max_size", "80")
	fmt.Fprint(c, "<1>fits\n", strings.Repeat("x", 200))
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	k.Want(t, `{"pri":"1","text":"fits"}`)
	if !strings.Contains(k.Log(), "longer than buffer_max_size of 100 bytes") {
		t.Error(k.Log())
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, k *inputtest.Kit, pairs ...string) {
		t.Helper()
		if _, err := k.Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("mode unix_udp needs the path of the socket", kit())
	f("there is no parser 'syslog-rfc5424'", inputtest.New(), "mode", "udp")
	f("there is no parser 'syslog-rfc3164-local'", inputtest.New(), "path", "/tmp/x")
	f("mode udp does not speak TLS", kit(), "mode", "udp", "tls", "on")
	f("is neither newline nor octet_counting", kit(), "mode", "tcp", "format", "lines")
	f("at least 64 bytes", kit(), "mode", "tcp", "buffer_chunk_size", "10")
}

func FuzzDecode(f *testing.F) {
	f.Add(false, []byte("<1>a\n<2>b"), 3)
	f.Add(true, []byte("4 <1>a\n4 <1>b"), 3)
	f.Fuzz(func(t *testing.T, counted bool, text []byte, size int) {
		fr := newline
		if counted {
			fr = octets
		}
		in := decoder(t, fr)
		size = 1 + int(uint(size)%uint(len(text)+1))
		whole, err1 := feed(in, string(text), len(text))
		pieces, err2 := feed(in, string(text), size)
		if whole != pieces || (err1 == nil) != (err2 == nil) {
			t.Errorf("by %d: %q %v, whole: %q %v", size, pieces, err2, whole, err1)
		}
	})
}
