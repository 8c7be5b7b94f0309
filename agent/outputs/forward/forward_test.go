package forward

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	inforward "github.com/fluent/fluent-bit-go/agent/inputs/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/certtest"
	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// receiver runs the input forward.
func receiver(t *testing.T, pairs ...string) *inputtest.Kit {
	t.Helper()
	k := inputtest.New()
	k.AnyTag = true
	ctx, cancel := context.WithCancel(context.Background())
	run := k.Start(t, ctx, inforward.Plugin.Config(), append(pairs, "listen", "127.0.0.1")...)
	done := make(chan error, 1)
	go func() { done <- run() }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return k
}

func start(t *testing.T, k *outputtest.Kit, pairs ...string) *output {
	t.Helper()
	built, err := k.Build(new(config), pairs...)
	if err != nil {
		t.Fatal(err)
	}
	o := built.(*output)
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func TestEveryModeArrives(t *testing.T) {
	port := free(t)
	k := receiver(t, "port", port)
	n := 0
	check := func(want []string, pairs ...string) {
		t.Helper()
		before := len(k.Records())
		o := start(t, outputtest.New(), append(pairs, "port", port)...)
		n++
		c := outputtest.Chunk(t, "app", fmt.Sprintf(`[[5.5,{"m":1}],{"k":"x","n":%d}]`, n), `[6,{"k":"y"}]`)
		if err := o.Flush(t.Context(), c); err != nil {
			t.Fatalf("%v: %v", pairs, err)
		}
		k.WaitFor(t, before+2)
		got := strings.Join(k.Records()[before:], "; ")
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "N", fmt.Sprint(n))
		}
		if got != strings.Join(want, "; ") {
			t.Errorf("%v: got %s, want %s", pairs, got, want)
		}
	}
	plain := func() []string { return []string{`app {"k":"x","n":N}`, `app {"k":"y"}`} }
	for _, ack := range []string{"off", "on"} {
		check(plain(), "require_ack_response", ack)
		check(plain(), "require_ack_response", ack, "compress", "gzip")
		check(plain(), "require_ack_response", ack, "compress", "zstd")
		check(plain(), "require_ack_response", ack, "compress", "text", "send_options", "on")
		check(plain(), "require_ack_response", ack, "time_as_integer", "on")
		check(plain(), "require_ack_response", ack, "retain_metadata_in_forward_mode", "off")
		check([]string{`new.app {"k":"x","n":N}`, `new.app {"k":"y"}`}, "require_ack_response", ack, "tag", "new.$TAG")
		check([]string{`to.x {"k":"x","n":N}`, `to.y {"k":"y"}`}, "require_ack_response", ack, "tag", "to.$k", "add_option", "a b")
	}
}

func TestMetadataAndTimesArriveAsTheModeSays(t *testing.T) {
	check := func(want string, pairs ...string) {
		t.Helper()
		a, b := net.Pipe()
		defer a.Close()
		p := new(protocol)
		if err := option.Decode(p.settings(), props(pairs...), option.Pos{}); err != nil {
			t.Fatal(err)
		}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		go func() {
			head, body, tail, _ := p.frame(outputtest.Chunk(t, "t", `[[5.5,{"m":1}],{"k":1}]`))
			for _, part := range [][]byte{head, body, tail} {
				_, _ = b.Write(part)
			}
			b.Close()
		}()
		v, err := forward.ReadMessage(a, 10000)
		if err != nil {
			t.Fatal(err)
		}
		if got := inputtest.Text(v); got != want {
			t.Errorf("%v: got  %s\nwant %s", pairs, got, want)
		}
	}
	const at = "d700000000051dcd6500" // 5.5 as EventTime
	check(`["t",[[[5.5,{"m":1}],{"k":1}]]]`)
	check(`["t",[[`+at+`,{"k":1}]]]`, "retain_metadata_in_forward_mode", "off")
	check(`["t",[[5,{"k":1}]],{"size":1,"fluent_signal":0}]`, "time_as_integer", "on", "send_options", "on")
	check(`["t",[[[5.5,{"m":1}],{"k":1}]],{"size":1,"fluent_signal":0,"a":"b c"}]`, "add_option", "a b c")
	check(`["t",[[[5.5,{"m":1}],{"k":1}]],{"chunk":"`+token(t)+`","size":1,"fluent_signal":0}]`, "require_ack_response", "on")
}

// token is what the payload of that chunk is acknowledged with.
func token(t *testing.T) string {
	p := protocol{ack: true}
	_, s := p.appendOptions(nil, event.Logs, 1, outputtest.Chunk(t, "t", `[[5.5,{"m":1}],{"k":1}]`).Bytes(), nil)
	return s
}

func props(pairs ...string) (list []option.Property) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, option.Property{Key: pairs[i], Value: option.Value{Text: pairs[i+1]}})
	}
	return list
}

func TestOtherSignalsArrive(t *testing.T) {
	port := free(t)
	k := receiver(t, "port", port)
	for i, compress := range []string{"text", "gzip"} {
		o := start(t, outputtest.New(), "port", port, "compress", compress)
		c := event.NewChunk(1, "m", event.Traces, event.AppendMap(nil, 0), 1)
		if err := o.Flush(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		k.WaitFor(t, i+1)
	}
	k.Want(t, "m traces 80", "m traces 80")
	o := start(t, outputtest.New(), "port", port)
	if err := o.Flush(t.Context(), event.NewChunk(1, "m", event.Blobs, nil, 1)); !plugin.Dropped(err) {
		t.Error(err)
	}
	head, body, _, _ := (&protocol{compat: true}).frame(event.NewChunk(1, "m", event.Metrics, event.AppendMap(nil, 0), 1))
	v, _, err := event.CheckValue(append(append([]byte{}, head...), append(body, 0x80)...))
	if text := inputtest.Text(v); err != nil || !strings.HasPrefix(text, `["m",[[d700`) || !strings.HasSuffix(text, `,[{}]]],{}]`) {
		t.Error(text, err)
	}
}

func TestAChunkIsDeliveredWhenItIsAcknowledged(t *testing.T) {
	port := free(t)
	k := receiver(t, "port", port)
	k.Hold()
	o := start(t, outputtest.New(), "port", port, "require_ack_response", "on")
	done := make(chan error, 1)
	go func() { done <- o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{}]`)) }()
	k.WaitFor(t, 1)
	select {
	case err := <-done:
		t.Fatal("delivered before the acknowledgement: ", err)
	case <-time.After(20 * time.Millisecond):
	}
	k.Settle(event.Delivered)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWithoutAnAcknowledgementAChunkIsSentAgain(t *testing.T) {
	check := func(answer, want string) {
		t.Helper()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = forward.ReadMessage(c, 10000)
			_, _ = c.Write([]byte(answer))
			c.Close()
		}()
		o := start(t, outputtest.New(), "port", fmt.Sprint(l.Addr().(*net.TCPAddr).Port), "require_ack_response", "on")
		err = o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{}]`))
		if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	check("", "no acknowledgement")
	check("\xdd\xff\xff\xff\xff", "no acknowledgement")
	check("\x80", "something else than an acknowledgement")
	check("\x81\xa3ack\xa1x", "acknowledges 'x' instead of")
}

func TestHandsAreShakenOnEachConnectionOnce(t *testing.T) {
	a := certtest.New(t)
	crt, key := a.Issue(t, "server", "127.0.0.1")
	port := free(t)
	k := receiver(t, "port", port, "shared_key", "sesame", "security.users", "ann secret", "tls", "on", "tls.crt_file", crt, "tls.key_file", key)
	good := []string{"port", port, "tls", "on", "tls.ca_file", a.File, "tls.verify_hostname", "on", "shared_key", "sesame", "username", "ann", "password", "secret", "require_ack_response", "on"}
	o := start(t, outputtest.New(), good...)
	for range 3 {
		if err := o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{}]`)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(k.Records()); n != 3 {
		t.Error(n, "records")
	}
	check := func(want string, change ...string) {
		t.Helper()
		o := start(t, outputtest.New(), append(good[:len(good):len(good)], change...)...)
		err := o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{}]`))
		if err == nil || plugin.Dropped(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", change, err)
		}
	}
	check("the shared keys differ", "shared_key", "wrong")
	check("username/password mismatch", "password", "wrong")
}

func TestServersOfAnUpstreamStandInForEachOther(t *testing.T) {
	ports := []string{free(t), free(t), free(t)}
	up := []*inputtest.Kit{receiver(t, "port", ports[0]), nil, receiver(t, "port", ports[2], "shared_key", "x")}
	k := outputtest.New()
	k.Env.Upstream = func(name string) ([]plugin.Node, bool) {
		var nodes []plugin.Node
		for i, p := range ports {
			n := plugin.Node{Name: fmt.Sprint("node", i), Properties: props("host", "127.0.0.1", "port", p)}
			if i == 2 {
				n.Properties = append(n.Properties, props("shared_key", "x")...)
			}
			nodes = append(nodes, n)
		}
		return nodes, name == "servers"
	}
	o := start(t, k, "upstream", "servers", "require_ack_response", "on")
	for i := range 6 {
		if err := o.Flush(t.Context(), outputtest.Chunk(t, "app", fmt.Sprintf(`[1,{"n":%d}]`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := len(up[0].Records()), len(up[2].Records()); a != 2 || b != 4 { // the third stands in for the second
		t.Errorf("%d and %d chunks", a, b)
	}
	if _, err := k.Build(new(config), "upstream", "others"); err == nil || !strings.Contains(err.Error(), "test.conf:1:1: upstream: there is no upstream 'others'") {
		t.Error(err)
	}
}

func TestAnUpstreamGetsMetadataWhenItIsAskedFor(t *testing.T) {
	check := func(want bool, node []option.Property, pairs ...string) {
		t.Helper()
		k := outputtest.New()
		k.Env.Upstream = func(string) ([]plugin.Node, bool) {
			return []plugin.Node{{Name: "one", Properties: append(props("host", "127.0.0.1", "port", "1"), node...)}}, true
		}
		built, err := k.Build(new(config), append(pairs, "upstream", "servers")...)
		if err != nil || built.(*output).servers[0].proto.keepMeta != want {
			t.Errorf("%v %v: %v", node, pairs, err)
		}
	}
	check(false, nil)
	check(true, nil, "retain_metadata_in_forward_mode", "on")
	check(true, props("retain_metadata_in_forward_mode", "on"))
	check(false, props("retain_metadata_in_forward_mode", "off"), "retain_metadata_in_forward_mode", "on")
}

func TestUnixSocketsAreReached(t *testing.T) {
	path := t.TempDir() + "/socket"
	k := receiver(t, "unix_path", path)
	o := start(t, outputtest.New(), "unix_path", path, "require_ack_response", "on")
	if err := o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{"a":1}]`)); err != nil {
		t.Fatal(err)
	}
	k.Want(t, `app {"a":1}`)
}

func TestWrongSettingsAreRefused(t *testing.T) {
	f := func(want string, pairs ...string) {
		t.Helper()
		if _, err := outputtest.New().Build(new(config), pairs...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", pairs, err)
		}
	}
	f("username and password without a shared_key", "username", "ann")
	f("contradict each other", "shared_key", "x", "empty_shared_key", "on")
	f("compress does not go with time_as_integer", "compress", "gzip", "time_as_integer", "on")
	f("compress does not go with a tag that differs", "compress", "gzip", "tag", "a.$b")
	f("has 1 words where 2 are needed", "add_option", "x")
	f("test.conf:1:1: compress: 'snappy'", "compress", "snappy")
}
