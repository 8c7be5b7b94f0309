package tail

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestLinesOfOneEventAreJoined(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "before\npanic: no\n\ngoroutine 1 [running]:\n")
	p.once("path", "DIR/a.log", "multiline.parser", "go, docker", "offset_key", "at")
	p.want(`in {"log":"before\n","at":0}`, `in {"log":"panic: no\n\ngoroutine 1 [running]:\n","at":7}`)
}

func TestJoinedRecordKeepsTheMapOfItsFirstLine(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "2024-05-06T07:08:09.125Z stdout P one, \r\n2024-05-06T07:08:10Z stdout F two\n")
	p.run("path", "DIR/a.log", "multiline.parser", "cri", "read_from_head", "on", "path_key", "f")
	p.want(`in {"time":"2024-05-06T07:08:09.125Z","stream":"stdout","_p":"P","log":"one, two","f":"` + p.path("a.log") + `"}`)
}

func TestLineThatWaitsIsReadAgainAfterARestart(t *testing.T) {
	p := newPlace(t)
	p.sink.hold = true
	p.write("a.log", "before\njava.lang.Error: x\n\tat a\n")
	settings := []string{"path", "DIR/a.log", "multiline.parser", "java", "db", "DIR/state.db", "read_from_head", "on"}
	p.run(settings...)
	p.want(`in {"log":"before\n"}`)
	p.sink.unready[0].Settle(event.Delivered)
	p.until("the offset to be saved", func() bool { return p.rows()[0].Offset == 7 })
	p = p.again()
	p.append("a.log", "\tat b\nafter\n")
	p.run(settings...)
	p.want(`in {"log":"java.lang.Error: x\n\tat a\n\tat b\n"}`, `in {"log":"after\n"}`)
}

func TestALineThatWaitsHoldsUpOnlyWhatComesBehindIt(t *testing.T) {
	p := newPlace(t)
	p.run("path", "DIR/a.log", "db", "DIR/state.db", "multiline.parser", "cri")
	size := 0
	for _, line := range []string{cutPart, strings.ReplaceAll(cutPart, "stdout", "stderr"), end} {
		p.append("a.log", line)
		size += len(line)
		p.until("the line to be read", func() bool {
			all := p.in.watcher.all()
			return len(all) == 1 && all[0].seen.Load() == int64(size) && all[0].joining.Load()
		})
	}
	p.until("the first record", func() bool { return len(p.sink.list()) == 1 })
	p.until("the offset to be saved", func() bool { return p.rows()[0].Offset == int64(len(cutPart)) })
}

func TestLineThatWaitsIsGivenOutWhenTheAgentStops(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "before\njava.lang.Error: x\n")
	p.run("path", "DIR/a.log", "multiline.parser", "java", "read_from_head", "on")
	p.want(`in {"log":"before\n"}`)
	p.end()
	p.want(`in {"log":"before\n"}`, `in {"log":"java.lang.Error: x\n"}`)
}
