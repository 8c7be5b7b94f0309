package tail

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

// groups is a parser by the named groups of an expression. A group called time is seconds, and a value of
// digits a number.
type groups struct{ re *regexp.Regexp }

func (g groups) Parse(dst, line []byte) ([]byte, event.Time, error) {
	m := g.re.FindSubmatch(line)
	if m == nil {
		return dst, event.Time{}, errors.New("no match")
	}
	var t event.Time
	dst = event.AppendMap(dst, g.re.NumSubexp())
	for i, name := range g.re.SubexpNames()[1:] {
		dst = event.AppendStr(dst, name)
		n, err := strconv.ParseInt(string(m[i+1]), 10, 64)
		switch {
		case err != nil:
			dst = event.AppendStr(dst, m[i+1])
			continue
		case name == "time":
			t.Sec = n
		}
		dst = event.AppendInt(dst, n)
	}
	return dst, t, nil
}

func oldPlace(t *testing.T) *place {
	p := newPlace(t)
	for name, re := range map[string]string{"first": `^(?P<time>\d+) (?P<msg>.*)$`, "at": `^\s+at (?P<at>.*)$`, "num": `^num (?P<n>\d+)$`, "docker": `^(?P<text>.*"log".*)$`, "dfirst": `"log":"\d+ `} {
		p.kit.Parsers[name] = groups{regexp.MustCompile(re)}
	}
	return p
}

func TestLinesFollowTheFirstOne(t *testing.T) {
	check := func(text string, settings []string, want ...string) {
		t.Helper()
		p := oldPlace(t)
		p.write("a.log", text)
		p.once(append([]string{"path", "DIR/a.log", "multiline", "on", "parser_firstline", "first"}, settings...)...)
		p.want(want...)
	}
	check("none yet\n5 one\ntwo\n\nthree\n6 four\n", nil,
		`in {"log":"none yet"}`, `in {"time":5,"msg":"one\ntwo\n\nthree"}`, `in {"time":6,"msg":"four"}`)
	check("  at x\n5 one\n  at a\nraw\nnum 7\nraw too\n  at b\n", []string{"parser_1", "at", "parser_2", "num", "offset_key", "o", "key", "k", "parser", "at"},
		`in {"o":0,"at":"x"}`, `in {"o":30,"k":"raw too"}`, `in {"o":7,"time":5,"msg":"one","at":"a\nraw","n":7,"at":"b"}`)
	check("num 5\n5 one\n  at a\n", []string{"skip_empty_lines", "on", "ignore_older", "1h"}, `in {"log":"num 5"}`)
}

func TestARecordOfAFirstLineEndsAtTheLimit(t *testing.T) {
	p := oldPlace(t)
	p.kit.Env.JoinLimit = 30
	p.write("a.log", "5 abcdefghi\nklmnopqrst\nuvwxyzuvwx\nx\n6 y\nz\n")
	p.once("path", "DIR/a.log", "multiline", "on", "parser_firstline", "first")
	p.want(`in {"time":5,"msg":"abcdefghi\nklmnopqrst"}`, `in {"log":"uvwxyzuvwx"}`, `in {"log":"x"}`, `in {"time":6,"msg":"y\nz"}`)
}

func TestDockersLinesAreJoinedTheOldWay(t *testing.T) {
	check := func(text string, settings []string, want ...string) {
		t.Helper()
		p := oldPlace(t)
		p.write("a.log", text)
		p.once(append([]string{"path", "DIR/a.log", "docker_mode", "on"}, settings...)...)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "DIR", p.dir)
		}
		p.want(want...)
	}
	line := func(text string) string { return "in " + `{"log":` + strconv.Quote(text) + `}` }
	check(`{"log":"a ","x":1}`+"\n"+`{"y" : [{"log":1}], "log" : "\u00e4\"\\\n", "z":{"log":"b"}}`+"\nplain\n"+`{"log":5}`+"\n"+`{"log":"c\\n"}`+"\n"+`{"log":"d\u000A"}`+"\n"+`{"log":"e"}`+"\n", nil,
		line(`{"y" : [{"log":1}], "log" : "a \u00e4\"\\\n", "z":{"log":"b"}}`), line("plain"), line(`{"log":5}`), line(`{"log":"c\\nd\u000A"}`), line(`{"log":"e"}`))
	check(`{"log":"a ","x":1}`+"\nplain\n"+`{"log":"b"`+"\n", []string{"parser", "docker", "path_key", "p"}, `in {"text":"{\"log\":\"a \",\"x\":1}","p":"DIR/a.log"}`, `in {"p":"DIR/a.log","log":"plain"}`, `in {"text":"{\"log\":\"b\"","p":"DIR/a.log"}`)
	check(`{"log":"x\n"}`+"\n"+`{"log":"1 a\n"}`+"\n"+`{"log":" b"}`+"\n"+`{"log":" c\n"}`+"\n"+`{"log":"2 d\n"}`+"\n", []string{"docker_mode_parser", "dfirst"},
		line(`{"log":"x\n"}`), line(`{"log":"1 a\n b c\n"}`), line(`{"log":"2 d\n"}`))
}

func TestWhatTheOldWaysHoldIsReadAgainAfterARestart(t *testing.T) {
	for name, test := range map[string]struct{ text, more, want string }{
		"multiline": {"before\n5 one\ntwo\n", "three\n6 four\n", `in {"time":5,"msg":"one\ntwo\nthree"}`},
		"docker":    {"before\n" + `{"log":"one "}` + "\n", `{"log":"two\n"}` + "\n", `in {"log":"{\"log\":\"one two\\n\"}"}`},
	} {
		p := oldPlace(t)
		p.sink.hold = true
		p.write("a.log", test.text)
		settings := []string{"path", "DIR/a.log", "db", "DIR/state.db", "read_from_head", "on", "multiline", "on", "parser_firstline", "first"}
		if name == "docker" {
			settings = append(settings[:6], "docker_mode", "on")
		}
		p.run(settings...)
		p.want(`in {"log":"before"}`)
		p.sink.unready[0].Settle(event.Delivered)
		p.until("the offset to be saved", func() bool { return p.rows()[0].Offset == 7 })
		parsers := p.kit.Parsers
		p = p.again()
		p.kit.Parsers = parsers
		p.append("a.log", test.more)
		p.run(settings...)
		p.want(test.want)
	}
}

func TestWhatWaitsIsGivenOutWhenTheTimeHasCome(t *testing.T) {
	p := oldPlace(t)
	p.write("a.log", "5 one\ntwo\n")
	p.run("path", "DIR/a.log", "read_from_head", "on", "multiline", "on", "parser_firstline", "first", "multiline_flush", "1", "progress_check_interval", "0.1", "watcher_interval", "0.1")
	p.want(`in {"time":5,"msg":"one\ntwo"}`)
	p.append("a.log", "three\n")
	p.want(`in {"time":5,"msg":"one\ntwo"}`, `in {"log":"three"}`)
}

// The text of Docker's line is found in whatever is valid, and nothing of the line is lost.
func FuzzDockerLine(f *testing.F) {
	f.Add([]byte(`{"a":{"log":"x"},"log" :	"a\"\\n" ,"b":[]}`))
	f.Add([]byte(`{"log":"\u000a"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		j := new(dockerJoiner)
		from, to, ok := j.find(line)
		if !ok {
			return
		}
		whole := string(line[:from]) + "x" + string(line[to:])
		out, _, err := event.ParseJSON(nil, []byte(whole))
		if err != nil {
			t.Fatalf("%q becomes %q: %v", line, whole, err)
		}
		n := 0
		for k, v := range event.Value(out).Pairs() {
			if string(k.Str()) == "log" && bytes.Equal(v.Str(), []byte("x")) {
				n++
			}
		}
		if n == 0 && !strings.Contains(string(line[:from]), `\`) {
			t.Errorf("%q becomes %q", line, whole)
		}
	})
}
