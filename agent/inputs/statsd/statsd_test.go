package statsd

import (
	"net"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

// receive sends packets to an input and waits for n records or points.
func receive(t *testing.T, n int, packets []string, pairs ...string) *inputtest.Kit {
	t.Helper()
	k := inputtest.New()
	built, err := k.Build(new(config), append(pairs, "listen", "127.0.0.1")...)
	if err != nil {
		t.Fatal(err)
	}
	in := built.(*input)
	in.where.Port = 0
	k.Serve(t, in)
	c, err := net.Dial("udp", in.c.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, p := range packets {
		if _, err := c.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	k.WaitFor(t, n)
	return k
}

func TestEachLineIsARecord(t *testing.T) {
	k := receive(t, 8, []string{"hits:3|c|@0.5\ntemp:21.5|g\r\ntemp:-2|g\n\nusers:bob|s\n", "load:320|ms|@0.1|#a:b\nodd:1|h\nrate:2|c|@0\nplus:+1|g"})
	k.Want(t,
		`{"type":"counter","bucket":"hits","value":3.0,"sample_rate":0.5}`,
		`{"type":"gauge","bucket":"temp","value":21.5,"incremental":0}`,
		`{"type":"gauge","bucket":"temp","value":-2.0,"incremental":1}`,
		`{"type":"set","bucket":"users","value":"bob"}`,
		`{"type":"timer","bucket":"load","value":320.0,"sample_rate":0.1}`,
		`{"type":"counter","bucket":"odd","value":1.0,"sample_rate":1.0}`,
		`{"type":"counter","bucket":"rate","value":2.0,"sample_rate":1.0}`,
		`{"type":"gauge","bucket":"plus","value":1.0,"incremental":1}`,
	)
}

func TestLinesBecomeMetrics(t *testing.T) {
	k := receive(t, 8, []string{"hits:3|c|@0.5\nhits:1|c\nhits:1|c|#zone:a,zone:b,,up\ntemp:21.5|g\ntemp:-2|g\nusers:bob|s\nload:320|ms\ntemp:22|g", "hits:1|c", "rest:1|c"}, "metrics", "on")
	k.Want(t,
		"hits = 7", `hits{zone="a",up=""} = 1`, "temp = 22", `temp{incremental="true"} = -2`, "load = 320", "users = 0",
		"hits = 1", "rest = 1",
	)
}

func TestMalformedLinesAreLeftOut(t *testing.T) {
	k := receive(t, 1, []string{"nothing\n:1|c\nbucket:1\nbucket:one|c\nbucket:1|c"})
	k.Want(t, `{"type":"counter","bucket":"bucket","value":1.0,"sample_rate":1.0}`)
	for _, want := range []string{"has no bucket", "is left out: \\\"nothing\\\"", "lines so far: 4"} {
		if !strings.Contains(k.Log(), want) {
			t.Errorf("the log lacks %q:\n%s", want, k.Log())
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("hits:3|c|@0.5|#a:b,c:d")
	f.Add("users:bob|s")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseLine(s)
		if err != nil {
			return
		}
		in := &input{}
		in.env.Tag = "t"
		in.env.Log = inputtest.New().Env.Log
		_ = in.batch([]byte(s), nil)
		in.metrics = true
		_ = in.batch([]byte(s), nil)
		if l.bucket == "" {
			t.Error("no bucket")
		}
	})
}
