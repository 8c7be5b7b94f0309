package syslog

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/option"
)

func build(t *testing.T, pairs ...string) *output {
	t.Helper()
	built, err := outputtest.New().Build(new(config), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return built.(*output)
}

func TestRecordsBecomeMessages(t *testing.T) {
	check := func(record, want string, pairs ...string) {
		t.Helper()
		o := build(t, pairs...)
		for r := range outputtest.Chunk(t, "t", record).Records() {
			if got := string(o.message([]byte("x"), r)); got != "x"+want {
				t.Errorf("%v: got  %q\nwant %q", pairs, got, "x"+want)
			}
		}
	}
	all := []string{
		"syslog_severity_key", "sev", "syslog_facility_key", "fac", "syslog_hostname_key", "host", "syslog_appname_key", "app",
		"syslog_procid_key", "pid", "syslog_msgid_key", "id", "syslog_sd_key", "a", "syslog_sd_key", "b b", "syslog_message_key", "msg",
	}
	with := func(more ...string) []string { return append(all[:len(all):len(all)], more...) }
	record := `[1700000000.125,{"sev":"Err","fac":"local0","host":"my box","app":"prog","pid":77,"id":"M1","a":{"k":"v\"]\\","n":5,"l":[1]},"b b":{},"msg":"hello\nthere","msg":"twice"}]`
	check(record, "<131>1 2023-11-14T22:13:20.125000Z my_box prog 77 M1 [a k=\"v\\\"\\]\\\\\" n=\"5\"][b_b] \ufeffhello\nthere", with()...)
	check(record, "<131>1 2023-11-14T22:13:20.125000Z my_box prog 77 M1 [a k=\"v\\\"\\]\\\\\" n=\"5\"][b_b] \ufeffhello there", with("mode", "tcp")...)
	check(record, "<131>Nov 14 22:13:20 my box prog[77]: hello there", with("syslog_format", "rfc3164", "mode", "tcp")...)
	check(`[1,{"msg":"x"}]`, "<14>1 1970-01-01T00:00:01.000000Z - - - - - \ufeffx", with()...)
	check(`[1,{"msg":"x"}]`, "<14>Jan  1 00:00:01 x", with("syslog_format", "rfc3164")...)
	check(`[1,{"sev":9,"fac":"x"}]`, "<9>1 1970-01-01T00:00:01.000000Z h a p i -",
		with("syslog_severity_preset", "1", "syslog_hostname_preset", "h", "syslog_appname_preset", "a", "syslog_procid_preset", "p", "syslog_msgid_preset", "i")...)
	check(`[1,{"msg":"<3>raw"}]`, "<3>raw", with()...)
	check(`[1,{"msg":"<3>aü"}]`, "<3>a", with("syslog_maxsize", "5")...)
	long := strings.Repeat("n", 40)
	check(`[1,{"a":{"`+long+`":1}}]`, "<14>1 1970-01-01T00:00:01.000000Z - - - - [a "+long[:32]+`="1"]`, with()...)
	check(`[1,{"a":{"`+long+`":1}}]`, "<14>1 1970-01-01T00:00:01.000000Z - - - - [a "+long+`="1"]`, with("allow_longer_sd_id", "on")...)
}

func TestMessagesArriveInEveryMode(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "127.0.0.1")
	c := outputtest.Chunk(t, "t", `[1,{"m":"<1>one"}]`, `[2,{"m":"<2>two"}]`)
	check := func(want string, pairs ...string) {
		t.Helper()
		var s listen.Settings
		var props []option.Property
		if pairs[1] == "tls" {
			for k, v := range map[string]string{"tls": "on", "tls.crt_file": crt, "tls.key_file": key} {
				props = append(props, option.Property{Key: k, Value: option.Value{Text: v}})
			}
		}
		if err := option.Decode(s.Options(), props, option.Pos{}); err != nil {
			t.Fatal(err)
		}
		s.Listen = "127.0.0.1"
		l, err := s.Open(outputtest.New().Env.Log)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 1)
		done := make(chan error, 1)
		go func() {
			done <- l.Serve(t.Context(), func(_ context.Context, c net.Conn) listen.After {
				text, _ := io.ReadAll(c)
				got <- string(text)
				return listen.Close
			})
		}()
		o := build(t, append(pairs, "syslog_message_key", "m", "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "tls.ca_file", a.File)...)
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := o.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		o.Close()
		if text := <-got; text != want {
			t.Errorf("%v: %q", pairs, text)
		}
		l.Close()
		<-done
	}
	check("<1>one\n<2>two\n", "mode", "tcp")
	check("<1>one\n<2>two\n", "mode", "tls")
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	o := build(t, "syslog_message_key", "m", "port", fmt.Sprint(p.LocalAddr().(*net.UDPAddr).Port))
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	_ = p.SetReadDeadline(time.Now().Add(30 * time.Second))
	for _, want := range []string{"<1>one", "<2>two"} {
		if n, _, err := p.ReadFrom(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v", buf[:n], err)
		}
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := outputtest.New().Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("dtls is not in this build yet", "mode", "dtls")
	f("mode udp does not speak TLS", "mode", "udp", "tls", "on")
	f("is not between 0 and 7", "syslog_severity_preset", "8")
	f("is none of 'rfc5424', 'rfc3164'", "syslog_format", "rfc1")
}
