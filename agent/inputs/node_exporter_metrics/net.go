package node_exporter_metrics

import (
	"errors"
	"os"
	"strings"

	"github.com/fluent/fluent-bit-go/metric"
)

// collectDevices reads net/dev, whose second line names the columns:
//
//	Inter-|   Receive                                                |  Transmit
//	 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs …
//	    lo: 4431369  149562    0    0    0     0          0         0  4431369  149562    0 …
func collectDevices(g *gather) error {
	text, err := os.ReadFile(g.paths.proc + "/net/dev")
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 2 {
		return errors.New("net/dev has no header")
	}
	heads := strings.Split(lines[1], "|")
	if len(heads) != 3 {
		return errors.New("net/dev has no header that is known")
	}
	var names []string
	for _, n := range strings.Fields(heads[1]) {
		names = append(names, "receive_"+n+"_total")
	}
	for _, n := range strings.Fields(heads[2]) {
		names = append(names, "transmit_"+n+"_total")
	}
	var n numbers
	for _, line := range lines[2:] {
		device, rest, ok := strings.Cut(line, ":")
		values := strings.Fields(rest)
		if !ok || len(values) != len(names) {
			continue
		}
		for i, name := range names {
			what := strings.ReplaceAll(strings.TrimSuffix(name, "_total"), "_", " ")
			g.counter("network", name, "What each network device counts: "+what+".", n.parse(values[i]), metric.L("device", strings.TrimSpace(device)))
		}
	}
	return n.err
}

// grows are the values of net/snmp that only grow, and are told as counters.
var grows = map[string]bool{
	"Tcp_ActiveOpens": true, "Tcp_PassiveOpens": true, "Tcp_RetransSegs": true,
	"Udp_InDatagrams": true, "Udp_InErrors": true, "Udp_OutDatagrams": true, "Udp_NoPorts": true,
}

func collectNetwork(g *gather) error {
	var n numbers
	value := func(name, v string) {
		t := metric.TypeGauge
		if grows[name] {
			t = metric.TypeCounter
		}
		g.add(t, "netstat", name, "What the network's protocols count.", n.parse(v))
	}
	// Lines come in pairs: names, then values.
	for _, file := range []string{"net/snmp", "net/netstat"} {
		lines, err := fields(g.paths.proc, file)
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(lines); i++ {
			names, values := lines[i], lines[i+1]
			if names[0] != values[0] || len(names) != len(values) {
				continue
			}
			proto := strings.TrimSuffix(names[0], ":")
			if file == "net/netstat" && proto != "TcpExt" && proto != "IpExt" {
				continue
			}
			for j := 1; j < len(names); j++ {
				value(proto+"_"+names[j], values[j])
			}
			i++
		}
	}
	lines, err := fields(g.paths.proc, "net/snmp6")
	if optional(err) != nil {
		return err
	}
	for _, w := range lines {
		proto, name, ok := strings.Cut(w[0], "6")
		if ok && proto != "" && name != "" && len(w) == 2 {
			value(proto+"6_"+name, w[1])
		}
	}
	return n.err
}

// collectSockets reads lines such as "TCP: inuse 8 orphan 0 tw 392 alloc 8 mem 408", in pages of memory.
func collectSockets(g *gather) error {
	var n numbers
	for _, file := range []string{"net/sockstat", "net/sockstat6"} {
		lines, err := fields(g.paths.proc, file)
		if err != nil {
			if file == "net/sockstat6" && optional(err) == nil {
				continue
			}
			return err
		}
		for _, w := range lines {
			proto := strings.TrimSuffix(w[0], ":")
			for i := 1; i+1 < len(w); i += 2 {
				v := n.parse(w[i+1])
				g.gauge("sockstat", proto+"_"+w[i], "What is known of sockets: "+proto+" "+w[i]+".", v)
				if w[i] == "mem" {
					g.gauge("sockstat", proto+"_mem_bytes", "Memory of sockets: "+proto+".", v*float64(os.Getpagesize()))
				}
			}
		}
	}
	return n.err
}
