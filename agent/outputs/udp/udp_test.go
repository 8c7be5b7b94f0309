package udp

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestEachRecordIsADatagram(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check := func(rejected string, want []string, pairs ...string) {
		t.Helper()
		k := outputtest.New()
		built, err := k.Build(new(config), append(pairs, "port", fmt.Sprint(c.LocalAddr().(*net.UDPAddr).Port))...)
		if err != nil {
			t.Fatal(err)
		}
		o := built.(*output)
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{"log":"one"}]`, `[2,{"log":"`+strings.Repeat("x", 70000)+`"}]`, `[3,{"n":2}]`))
		if r := plugin.Rejected(err); r == nil || fmt.Sprint(r.Records) != rejected {
			t.Fatal(err)
		}
		var got []string
		buf := make([]byte, 1<<16)
		for range want {
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(buf[:n]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %q\nwant %q", pairs, got, want)
		}
	}
	check("[1]", []string{"{\"date\":1.0,\"log\":\"one\"}\n", "{\"date\":3.0,\"n\":2}\n"})
	check("[1]", []string{"[{\"log\":\"one\"}]\n", "[{\"n\":2}]\n"}, "format", "json", "json_date_key", "off")
	check("[1 2]", []string{"one\n"}, "raw_message_key", "$log")
	var raw []string
	for r := range outputtest.Chunk(t, "app", `[1,{"log":"one"}]`, `[3,{"n":2}]`).Records() {
		raw = append(raw, string(r.Raw()))
	}
	check("[1]", raw, "format", "msgpack")
}
