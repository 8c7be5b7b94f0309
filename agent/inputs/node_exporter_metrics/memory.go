package node_exporter_metrics

import "strings"

// collectMemory takes every line of meminfo: "Active(anon):  123 kB" is node_memory_Active_anon_bytes.
func collectMemory(g *gather) error {
	lines, err := fields(g.paths.proc, "meminfo")
	if err != nil {
		return err
	}
	var n numbers
	for _, w := range lines {
		if len(w) < 2 {
			continue
		}
		name := strings.TrimSuffix(w[0], ":")
		v := n.parse(w[1])
		help := "The field " + name + " of meminfo."
		name = strings.NewReplacer("(", "_", ")", "").Replace(name)
		if len(w) > 2 && w[2] == "kB" {
			name, v = name+"_bytes", v*1024
		}
		g.gauge("memory", name, help, v)
	}
	return n.err
}

// collectVM takes the fields of vmstat that node_exporter does.
func collectVM(g *gather) error {
	lines, err := fields(g.paths.proc, "vmstat")
	if err != nil {
		return err
	}
	var n numbers
	for _, w := range lines {
		if len(w) < 2 {
			continue
		}
		name := w[0]
		fault := strings.HasPrefix(name, "pg") && strings.Contains(name, "fault")
		if fault || strings.HasPrefix(name, "oom_kill") || strings.HasPrefix(name, "pgpg") || strings.HasPrefix(name, "pswp") {
			g.counter("vmstat", name, "The field "+name+" of vmstat.", n.parse(w[1]))
		}
	}
	return n.err
}
