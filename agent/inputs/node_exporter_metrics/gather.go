package node_exporter_metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/metric"
)

// gather is one collection.
type gather struct {
	paths paths
	now   int64
	set   metric.Set
	index map[string]int // families by name
}

// add adds a value to the family node_SUBSYSTEM_NAME.
func (g *gather) add(t metric.Type, subsystem, name, help string, v float64, labels ...metric.Label) {
	key := subsystem + "_" + name
	i, ok := g.index[key]
	if !ok {
		if g.index == nil {
			g.index = map[string]int{}
		}
		i = len(g.set.Families)
		g.index[key] = i
		f := metric.Family{Namespace: "node", Subsystem: subsystem, Name: name, Help: help, Type: t}
		if t == metric.TypeCounter {
			f.Aggregation = metric.Cumulative
		}
		g.set.Families = append(g.set.Families, f)
	}
	f := &g.set.Families[i]
	f.Points = append(f.Points, metric.Point{Time: g.now, Value: v, Labels: labels})
}

func (g *gather) counter(subsystem, name, help string, v float64, labels ...metric.Label) {
	g.add(metric.TypeCounter, subsystem, name, help, v, labels...)
}

func (g *gather) gauge(subsystem, name, help string, v float64, labels ...metric.Label) {
	g.add(metric.TypeGauge, subsystem, name, help, v, labels...)
}

// fields reads a file of the kernel as words, line by line.
func fields(path ...string) ([][]string, error) {
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return nil, err
	}
	var lines [][]string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 {
			lines = append(lines, words)
		}
	}
	return lines, nil
}

// numbers collects what is no number among texts that should be.
type numbers struct{ err error }

func (n *numbers) parse(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && n.err == nil {
		n.err = fmt.Errorf("'%s' is no number", s)
	}
	return v
}

// number reads a file that holds one.
func number(path ...string) (float64, error) {
	lines, err := fields(path...)
	if err != nil {
		return 0, err
	}
	if len(lines) == 0 {
		return 0, errors.New(filepath.Join(path...) + " is empty")
	}
	return strconv.ParseFloat(lines[0][0], 64)
}

// optional forgives a file that this machine does not have.
func optional(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
