package pipeline

import (
	"fmt"
	"strings"
)

// guarantees tells for every input and output that may meet what becomes of records when something fails.
func (p *Pipeline) guarantees() (lines []string) {
	for _, in := range p.inputs {
		if !in.settings.routable {
			continue
		}
		for _, o := range p.outputs {
			if o.matcher.match(in.tag) || strings.Contains(in.tag, "*") {
				lines = append(lines, fmt.Sprintf("guarantee: %s × %s → %s: %s", in.sourced(), p.kept(in.storage), o.shown(), p.guarantee(in, o)))
			}
		}
	}
	return lines
}

func (in *input) sourced() string {
	if in.replays {
		return in.shown() + " (unsettled records come again)"
	}
	return in.shown()
}

func (p *Pipeline) kept(t storageType) string {
	switch {
	case t == memrb:
		return "memrb"
	case t == memoryOnly:
		return "memory"
	case p.set.Storage.Full:
		return "filesystem, sync full"
	}
	return "filesystem"
}

// guarantee says it in one line. The words are those of docs/delivery.md.
func (p *Pipeline) guarantee(in *input, o *output) string {
	var kill, power, term string
	switch {
	case in.storage == filesystem && p.set.Storage.Full:
		kill, power, term = "kept", "kept", "kept"
	case in.storage == filesystem:
		kill, power, term = "kept", "lost unless the system had written them", "kept"
	case in.replays:
		kill, power, term = "come again", "come again", "come again"
	case p.set.Storage.Path != "":
		kill, power, term = "lost", "lost", "saved"
	default:
		kill, power, term = "lost", "lost", "lost"
	}
	return fmt.Sprintf("at least once while the agent runs%s; kill -9: %s; loss of power: %s; end of grace: %s", p.exceptions(in, o), kill, power, term)
}

// exceptions are the rules by which records are given up.
func (p *Pipeline) exceptions(in *input, o *output) string {
	var rules []string
	letters := ""
	if p.set.Storage.KeepRejected && p.set.Storage.Path != "" {
		letters = ", then kept as dead letters"
	}
	if o.settings.retries != unlimited {
		rules = append(rules, fmt.Sprintf("given up after %d retries%s", o.settings.retries, letters))
	}
	if in.storage == memrb && in.settings.memBufLimit > 0 {
		rules = append(rules, fmt.Sprintf("the oldest make room beyond mem_buf_limit of %d bytes", in.settings.memBufLimit))
	}
	switch limit := o.settings.totalLimit; {
	case o.settings.block:
		rules = append(rules, "inputs wait when the queue is full")
	case limit > 0:
		rules = append(rules, fmt.Sprintf("the oldest are dropped beyond %d bytes", limit))
	case in.storage != filesystem && p.set.MemoryBudget > 0:
		rules = append(rules, "the oldest are dropped when others have them and memory and spill are used up")
	}
	if len(rules) == 0 {
		return ""
	}
	return ", but " + strings.Join(rules, ", ")
}
