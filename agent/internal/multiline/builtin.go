package multiline

import (
	"bytes"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
)

// Builtins are the names of the parsers that need no configuration.
var Builtins = []string{"cri", "docker", "go", "java", "python", "ruby"}

// builtin returns the parser of that name.
func builtin(name string) *Parser {
	switch name {
	case "docker":
		return &Parser{Name: name, Kind: EndsWith, Match: "\n", Content: "log", Group: "stream", Wait: wait, Pre: dockerLine}
	case "cri":
		return &Parser{Name: name, Kind: Equal, Match: "F", Content: "log", Pattern: "_p", Group: "stream", Wait: wait, Pre: criLine}
	}
	p := &Parser{Name: name, Kind: Rules, Wait: wait}
	for _, r := range builtinRules[name] {
		re, err := regex.Compile(r.pattern)
		if err != nil {
			panic("BUG: the pattern " + r.pattern + ": " + err.Error())
		}
		p.Rules = append(p.Rules, Rule{From: r.from, Regex: re, To: r.to})
	}
	return p.link()
}

// wait is how long a record waits for its next line.
const wait = 4 * time.Second

type builtinRule struct {
	from    []string
	pattern string
	to      string
}

// The states of the stack traces of languages, as Fluent Bit's parsers name them.
var builtinRules = map[string][]builtinRule{
	"go": {
		{[]string{Start}, `\bpanic: `, "go_after_panic"},
		{[]string{Start}, `http: panic serving`, "go_goroutine"},
		{[]string{"go_after_panic", "go_after_signal", "go_frame_1"}, `^$`, "go_goroutine"},
		{[]string{"go_after_panic"}, `^\[signal `, "go_after_signal"},
		{[]string{"go_goroutine"}, `^goroutine \d+ \[[^\]]+\]:$`, "go_frame_1"},
		{[]string{"go_frame_1"}, `^(?:[^\s.:]+\.)*[^\s.():]+\(|^created by `, "go_frame_2"},
		{[]string{"go_frame_2"}, `^\s`, "go_frame_1"},
	},
	"java": {
		{[]string{Start, "java_start_exception"}, `.(?:Exception|Error|Throwable|V8 errors stack trace)[:\r\n]`, "java_after_exception"},
		{[]string{"java_after_exception"}, `^[\t ]*nested exception is:[\t ]*`, "java_start_exception"},
		{[]string{"java_after_exception"}, `^[\r\n]*$`, "java_after_exception"},
		{[]string{"java_after_exception", "java"}, `^[\t ]+(?:eval )?at `, "java"},
		{[]string{"java_after_exception", "java"}, `^[\t ]+--- End of inner exception stack trace ---$`, "java"},
		{[]string{"java_after_exception", "java"}, `^--- End of stack trace from previous location where exception was thrown ---$`, "java"},
		{[]string{"java_after_exception", "java"}, `^[\t ]*(?:Caused by|Suppressed):`, "java_after_exception"},
		{[]string{"java_after_exception", "java"}, `^[\t ]*... \d+ (?:more|common frames omitted)`, "java"},
	},
	"python": {
		{[]string{Start}, `^Traceback \(most recent call last\):$`, "python"},
		{[]string{"python"}, `^[\t ]+File `, "python_code"},
		{[]string{"python_code"}, `[^\t ]`, "python"},
		{[]string{"python"}, `^(?:[^\s.():]+\.)*[^\s.():]+:`, Start},
	},
	"ruby": {
		{[]string{Start, "ruby_start_exception"}, `^.+:\d+:in\s+.*`, "ruby_after_exception"},
		{[]string{"ruby_after_exception", "ruby"}, `^\s+from\s+.*:\d+:in\s+.*`, "ruby"},
	},
}

// dockerLine reads a line of Docker's json-file driver.
func dockerLine(dst, line []byte) (body []byte, t event.Time, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return nil, t, false
	}
	at := len(dst)
	dst, _, err := event.ParseJSON(dst, line)
	if err != nil {
		return nil, t, false
	}
	return dst, timeOf(event.Value(dst[at:]).Get("time").Str()), true
}

// criLine reads a line of a Kubernetes container runtime: time, stream, F for the last part of a line or P
// for the others, and the text, with single blanks between.
func criLine(dst, line []byte) (body []byte, t event.Time, ok bool) {
	for i := 1; i < len(line); i++ {
		if line[i] != ' ' {
			continue
		}
		rest := line[i+1:]
		if !bytes.HasPrefix(rest, []byte("stdout ")) && !bytes.HasPrefix(rest, []byte("stderr ")) {
			continue
		}
		part := rest[len("stdout "):]
		if len(part) < 2 || part[0] != 'F' && part[0] != 'P' || part[1] != ' ' {
			continue
		}
		dst = event.AppendMap(dst, 4)
		dst = event.AppendStr(event.AppendStr(dst, "time"), line[:i])
		dst = event.AppendStr(event.AppendStr(dst, "stream"), rest[:len("stdout")])
		dst = event.AppendStr(event.AppendStr(dst, "_p"), part[:1])
		dst = event.AppendStr(event.AppendStr(dst, "log"), part[2:])
		return dst, timeOf(line[:i]), true
	}
	return nil, t, false
}

// timeOf reads RFC 3339; the zero time when s is none.
func timeOf(s []byte) event.Time {
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil {
		return event.Time{}
	}
	return event.At(t)
}
