package output

import (
	"fmt"
	"testing"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// containerLogs is a chunk as a Kubernetes node sends it: n events [[EventTime, {}], {10 keys, one of them the
// kubernetes map}] of 414 bytes or so.
func containerLogs(n int) []byte {
	var b []byte
	str := func(k, v string) { b = msgp.AppendStr(msgp.AppendStr(b, k), v) }
	for i := range n {
		b = msgp.AppendArrayHeader(b, 2)
		b = msgp.AppendArrayHeader(b, 2)
		b = msgp.AppendEventTime(b, uint32(1700000000+i), uint32(i)*1000)
		b = msgp.AppendMapHeader(b, 0)
		b = msgp.AppendMapHeader(b, 10)
		str("log", fmt.Sprintf("GET /api/v1/items/%06d 200 %d ms client=10.0.%d.%d agent=kube-probe/1.31 upstream=catalog-6c5f", i, i%900, i%7, i%251))
		str("stream", "stdout")
		str("level", "info")
		b = msgp.AppendUint(msgp.AppendStr(b, "status"), 200)
		b = msgp.AppendFloat(msgp.AppendStr(b, "latency"), float64(i)/7)
		b = msgp.AppendUint(msgp.AppendStr(b, "bytes"), uint64(i)*31)
		b = msgp.AppendBool(msgp.AppendStr(b, "cached"), i%3 == 0)
		str("host", "node-17.eu-west-1.internal")
		str("trace_id", fmt.Sprintf("%032x", i))
		b = msgp.AppendMapHeader(msgp.AppendStr(b, "kubernetes"), 5)
		str("pod_name", fmt.Sprintf("checkout-7d9f8b6c4-%05d", i%40))
		str("namespace_name", "shop")
		str("container_name", "checkout")
		str("docker_id", "3f4e5d6c7b8a")
		b = msgp.AppendMapHeader(msgp.AppendStr(b, "labels"), 2)
		str("app", "checkout")
		str("tier", "backend")
	}
	return b
}

func BenchmarkGetRecord(b *testing.B) {
	data := containerLogs(5058)
	b.Logf("%d bytes per event", len(data)/5058)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		dec := NewDecoderBytes(data)
		for {
			if ret, _, _ := GetRecord(dec); ret != 0 {
				break
			}
		}
	}
}
