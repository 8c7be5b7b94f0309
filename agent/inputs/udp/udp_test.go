package udp

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

func TestDatagramsBecomeRecords(t *testing.T) {
	k := inputtest.New()
	built, err := k.Build(new(config), "listen", "127.0.0.1", "source_address_key", "from")
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
	for i, packet := range []string{`{"a":1}{"a":2}`, `{"a":`, "[3]"} {
		fmt.Fprint(c, packet)
		if i != 1 {
			k.WaitFor(t, 2+i/2)
		}
	}
	from := fmt.Sprintf(`"from":"udp://%s"`, c.LocalAddr())
	k.Want(t, `{"a":1,`+from+`}`, `{"a":2,`+from+`}`, `{"msg":[3],`+from+`}`)
	if !strings.Contains(k.Log(), "left out") {
		t.Error(k.Log())
	}
}
