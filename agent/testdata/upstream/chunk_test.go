package upstream

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// writer appends MessagePack, see https://github.com/msgpack/msgpack/blob/master/spec.md
type writer struct{ b []byte }

func (w *writer) raw(b ...byte) { w.b = append(w.b, b...) }
func (w *writer) array(n int)   { w.raw(0xdc, byte(n>>8), byte(n)) }
func (w *writer) pair()         { w.raw(0x92) }
func (w *writer) mapping(n int) { w.raw(0x80 | byte(n)) }
func (w *writer) uint(v uint64) { w.raw(0xcf); w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) float(v float64) {
	w.raw(0xcb)
	w.b = binary.BigEndian.AppendUint64(w.b, math.Float64bits(v))
}

func (w *writer) time(sec, nsec uint32) {
	w.raw(0xd7, 0)
	w.b = binary.BigEndian.AppendUint32(w.b, sec)
	w.b = binary.BigEndian.AppendUint32(w.b, nsec)
}

func (w *writer) str(s string) {
	if len(s) < 32 {
		w.raw(0xa0 | byte(len(s)))
	} else {
		w.raw(0xd9, byte(len(s)))
	}
	w.raw([]byte(s)...)
}

// containerLogs is a chunk as a Kubernetes node sends it: n events [[EventTime, {}], {10 keys, one of them the
// kubernetes map}] of 414 bytes or so.
func containerLogs(n int) []byte {
	w := &writer{}
	set := func(k, v string) { w.str(k); w.str(v) }
	for i := range n {
		w.pair()
		w.pair()
		w.time(uint32(1700000000+i), uint32(i)*1000)
		w.mapping(0)
		w.mapping(10)
		set("log", fmt.Sprintf("GET /api/v1/items/%06d 200 %d ms client=10.0.%d.%d agent=kube-probe/1.31 upstream=catalog-6c5f", i, i%900, i%7, i%251))
		set("stream", "stdout")
		set("level", "info")
		w.str("status")
		w.raw(0xcc, 200)
		w.str("latency")
		w.float(float64(i) / 7)
		w.str("bytes")
		w.uint(uint64(i) * 31)
		w.str("cached")
		w.raw(0xc2 | byte(i&1))
		set("host", "node-17.eu-west-1.internal")
		set("trace_id", fmt.Sprintf("%032x", i))
		w.str("kubernetes")
		w.mapping(5)
		set("pod_name", fmt.Sprintf("checkout-7d9f8b6c4-%05d", i%40))
		set("namespace_name", "shop")
		set("container_name", "checkout")
		set("docker_id", "3f4e5d6c7b8a")
		w.str("labels")
		w.mapping(2)
		set("app", "checkout")
		set("tier", "backend")
	}
	return w.b
}

// randomEvents is a chunk of events with values of every kind. It leaves out what the SDKs differ in on purpose:
// see the tests of package output.
func randomEvents(n int) []byte {
	g := generator{&writer{}, rand.New(rand.NewPCG(1, 2))}
	for range n {
		g.w.pair()
		switch g.r.IntN(4) {
		case 0:
			g.w.time(g.r.Uint32()&^(1<<31), g.r.Uint32N(1e9))
		case 1:
			g.w.uint(g.r.Uint64())
		default:
			g.w.pair()
			g.w.time(g.r.Uint32()&^(1<<31), g.r.Uint32N(1e9))
			g.w.mapping(1)
			g.w.str("meta")
			g.value(2)
		}
		g.mapping(4)
	}
	return g.w.b
}

type generator struct {
	w *writer
	r *rand.Rand
}

func (g generator) bytes(n int) {
	for range n {
		g.w.raw(byte(g.r.Uint32()))
	}
}

func (g generator) mapping(depth int) {
	n := g.r.IntN(12)
	g.w.mapping(n)
	for i := range n {
		switch g.r.IntN(8) {
		case 0:
			g.w.raw(byte(i)) // keys differ, or the order of the pairs would show
		case 1:
			g.w.raw(0xcc, 0x80|byte(i))
		case 2:
			g.w.raw(0xc4, 2, 'k', byte(i))
		case 3:
			g.w.raw(0xd9, 3, 'k', 'k', byte(i))
		default:
			g.w.str(fmt.Sprint("key", i, g.r.IntN(100)))
		}
		g.value(depth - 1)
	}
}

func (g generator) value(depth int) {
	sized := func(lead byte, n int) { g.w.raw(lead); g.bytes(n) }
	kind := g.r.IntN(26)
	if depth == 0 {
		kind = g.r.IntN(23)
	}
	switch kind {
	case 0:
		g.w.raw(0xc0)
	case 1:
		g.w.raw(0xc2 | byte(g.r.IntN(2)))
	case 2:
		g.w.raw(byte(g.r.IntN(128)))
	case 3:
		g.w.raw(0xe0 | byte(g.r.IntN(32)))
	case 4, 5, 6, 7:
		sized(0xcc+byte(kind-4), 1<<(kind-4))
	case 8, 9, 10, 11:
		sized(0xd0+byte(kind-8), 1<<(kind-8))
	case 12:
		g.w.raw(0xca)
		g.w.b = binary.BigEndian.AppendUint32(g.w.b, math.Float32bits(g.r.Float32()*1e6))
	case 13:
		g.w.float(g.r.NormFloat64() * 1e6)
	case 14:
		g.w.str("")
	case 15:
		g.w.str(fmt.Sprintf("text %d", g.r.IntN(1e6)))
	case 16:
		n := g.r.IntN(300)
		g.w.raw(0xda, byte(n>>8), byte(n))
		g.bytes(n)
	case 17:
		n := g.r.IntN(300)
		g.w.raw(0xdb, 0, 0, byte(n>>8), byte(n))
		g.bytes(n)
	case 18:
		n := g.r.IntN(300)
		g.w.raw(0xc5, byte(n>>8), byte(n))
		g.bytes(n)
	case 19:
		g.w.time(g.r.Uint32(), g.r.Uint32N(1e9))
	case 20:
		sized(0xd6, 0)
		g.w.raw(0xff)
		g.bytes(4)
	case 21:
		n := g.r.IntN(5)
		g.w.raw(0xd4+byte(n), byte(2+g.r.IntN(200)))
		g.bytes(1 << n)
	case 22:
		n := g.r.IntN(200)
		g.w.raw(0xc7, byte(n), byte(2+g.r.IntN(200)))
		g.bytes(n)
	case 23:
		n := g.r.IntN(5)
		g.w.array(n)
		for range n {
			g.value(depth - 1)
		}
	default:
		g.mapping(depth - 1)
	}
}
