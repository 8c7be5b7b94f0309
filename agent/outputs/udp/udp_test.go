package udp

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
)

func TestEachRecordIsADatagram(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	check := func(want []string, pairs ...string) {
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
		if err := o.Flush(t.Context(), outputtest.Chunk(t, "app", `[1,{"log":"one"}]`, `[2,{"log":"`+strings.Repeat("x", 70000)+`"}]`, `[3,{"n":2}]`)); err != nil {
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
		if !slices.Equal(got, want) || !strings.Contains(k.Log(), "too many for a datagram") {
			t.Errorf("%v: %q\nwant %q\n%s", pairs, got, want, k.Log())
		}
	}
	check([]string{"{\"date\":1.0,\"log\":\"one\"}\n", "{\"date\":3.0,\"n\":2}\n"})
	check([]string{"[{\"log\":\"one\"}]\n", "[{\"n\":2}]\n"}, "format", "json", "json_date_key", "off")
	check([]string{"one\n"}, "raw_message_key", "$log")
	var raw []string
	for r := range outputtest.Chunk(t, "app", `[1,{"log":"one"}]`, `[3,{"n":2}]`).Records() {
		raw = append(raw, string(r.Raw()))
	}
	check(raw, "format", "msgpack")
}
