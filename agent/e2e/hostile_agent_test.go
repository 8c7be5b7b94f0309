package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// The inputs that listen, each on a port of its own.
const hostilePorts = 22360

var listeners = []string{"forward", "http", "tcp", "udp", "syslog"}

// Clients lie about lengths, send bombs and garbage, stop in the middle, or say nothing, on every port and all at
// once. The agent closes their connections, takes what decent clients send meanwhile, needs no memory worth
// mentioning, and ends when it should.
func TestHostileClientsHarmNobody(t *testing.T) {
	a := newAgent(t)
	conf := fmt.Sprintf("[SERVICE]\n flush 0.1\n grace 1\n parsers_file %s\n[OUTPUT]\n name stdout\n match *\n format json_lines\n json_date_key off\n", filepath.Join(a.dir, "parsers"))
	for i, name := range listeners {
		conf += fmt.Sprintf("[INPUT]\n name %s\n tag %s\n listen 127.0.0.1\n port %d\n", name, name, hostilePorts+i)
		if name == "syslog" {
			conf += " mode tcp\n parser all\n"
		}
		if name == "http" {
			conf += " http_server.idle_timeout 1\n"
		}
	}
	a.config = filepath.Join(a.dir, "main.conf")
	for path, text := range map[string]string{a.config: conf, filepath.Join(a.dir, "parsers"): "[PARSER]\n name all\n format regex\n regex ^(?<log>.*)$\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.start(build(t), "-c", a.config)
	a.waitFor("all ports to be open", func() bool { return strings.Count(a.read("stderr"), "listening on") == len(listeners) })

	stop := make(chan bool)
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(7, uint64(i)))
			for {
				select {
				case <-stop:
					return
				default:
					misbehave(rnd, hostilePorts+rnd.IntN(len(listeners)))
				}
			}
		})
	}
	const decent = 20
	for n := range decent {
		for i, name := range listeners {
			behave(t, name, hostilePorts+i, n)
		}
	}
	close(stop)
	clients.Wait()
	want := func(name string) (n int) {
		for i := range decent {
			n += min(1, strings.Count(a.read("stdout"), fmt.Sprintf("decent %s %d.", name, i)))
		}
		return n
	}
	for _, name := range listeners {
		least := decent
		if name == "udp" {
			least = 1 // the kernel drops what a full socket has no room for
		}
		a.waitFor("what decent clients sent over "+name, func() bool { return want(name) >= least })
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var kb int
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(peak, &kb); err != nil || kb > 300_000 {
		t.Errorf("the agent needed %d KB, %v", kb, err)
	}
	t.Logf("%d KB", kb)
	if log := a.read("stderr"); strings.Contains(log, "panic") || strings.Count(log, "\n") > 200 {
		t.Errorf("%d lines in the log, the first of them:\n%s", strings.Count(log, "\n"), log[:min(len(log), 5000)])
	}
	if code := a.terminate(); code != 0 {
		t.Error("exit status ", code)
	}
}

// behave sends one record as it should be.
func behave(t *testing.T, name string, port, n int) {
	t.Helper()
	text := fmt.Sprintf("decent %s %d.", name, n)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if name == "http" {
		resp, err := http.Post("http://"+address+"/http", "application/json", strings.NewReader(`{"log":"`+text+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return
	}
	network := "tcp"
	if name == "udp" {
		network = name
	}
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	payload := []byte(`{"log":"` + text + `"}` + "\n")
	if name == "forward" {
		payload = event.AppendStr(event.AppendArray(nil, 3), "forward")
		payload = event.AppendInt(payload, 1700000000)
		payload = event.AppendStr(event.AppendStr(event.AppendMap(payload, 1), "log"), text)
	}
	if _, err := c.Write(payload); err != nil {
		t.Fatal(err)
	}
}

var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.Copy(w, io.LimitReader(zeros{}, 50<<20))
	w.Close()
	return b.Bytes()
})

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// misbehave opens a connection and does something that nobody should.
func misbehave(rnd *rand.Rand, port int) {
	network := "tcp"
	if listeners[port-hostilePorts] == "udp" {
		network = "udp"
	}
	c, err := net.Dial(network, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return // no port of this side is free for now
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	packed := event.AppendBin(event.AppendStr(event.AppendArray(nil, 2), "t"), bomb())
	garbage := make([]byte, rnd.IntN(4096))
	for i := range garbage {
		garbage[i] = byte(rnd.Uint32())
	}
	tricks := [][]byte{
		garbage,
		packed,
		fmt.Appendf(nil, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb()), bomb()),
		[]byte("POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"),
		[]byte("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
		bytes.Repeat([]byte("x-header: y\r\n"), 10_000),
		{0xdd, 0xff, 0xff, 0xff, 0xff},
		{0x93, 0xa1, 't', 0xdb, 0x00, 0x50, 0x00, 0x00},
		bytes.Repeat([]byte{0x91}, 10_000),
		bytes.Repeat([]byte(`{"a":`), 10_000),
		bytes.Repeat([]byte{'x'}, 1<<20),
		[]byte(`{"never":"ends`),
		[]byte("18446744073709551615 <1>x"),
		{0x16, 0x03, 0x01, 0xff, 0xff},
		nil,
	}
	_, _ = c.Write(tricks[rnd.IntN(len(tricks))])
	switch rnd.IntN(3) {
	case 0: // gone without a word
	case 1:
		_, _ = c.Read(make([]byte, 1))
	default:
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
	}
}
