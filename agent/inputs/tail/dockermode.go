package tail

import (
	"bytes"
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// dockerMode is the setting docker_mode: Docker's JSON lines are joined as long as their `log` does not end
// with a line feed, and with docker_mode_parser until a line comes that this takes. The result is the last
// of the lines with all of the text in it, and goes the way of any other line.
type dockerMode struct {
	*lines
	first plugin.Parser // nil without docker_mode_parser
	wait  time.Duration
	limit int64
}

// checkDockerMode finds the parser.
func (in *input) checkDockerMode() error {
	s := &dockerMode{lines: &in.lines, wait: max(time.Duration(in.dockerFlush)*time.Second, time.Second), limit: in.env.JoinLimit}
	if in.dockerParser != "" {
		p, ok := in.env.Parser(in.dockerParser)
		if !ok {
			return in.fault("docker_mode_parser", fmt.Sprintf("there is no parser '%s'", in.dockerParser), "define it, or name the file that does with parsers_file")
		}
		s.first = p
	}
	in.lines.newJoin = func(path string) plugin.Joiner { return &dockerJoiner{dockerMode: s, path: path} }
	return nil
}

// dockerJoiner joins the lines of one file.
type dockerJoiner struct {
	*dockerMode
	path string

	began    bool   // a first line was seen
	last     []byte // the last line; empty when none waits
	from, to int    // where its text stands in it
	text     []byte // all texts, as they are written in JSON
	complete bool   // the last one ends with a line feed
	at       int64
	since    time.Time
	parsed   []byte
}

// Add implements [plugin.Joiner].
func (j *dockerJoiner) Add(l plugin.Line) {
	if j.first != nil {
		out, _, err := j.first.Parse(j.parsed[:0], l.Text)
		if err == nil {
			j.parsed, j.began = out, true
		}
		if j.complete && (err == nil || !j.began) {
			j.finish()
		}
	}
	from, to, ok := j.find(l.Text)
	if ok && j.limit > 0 && len(j.last) > 0 && int64(len(j.text)+to-from) > j.limit {
		j.cut(j.path)
		j.finish()
	}
	if !ok {
		j.finish()
		j.line(j.batch, j.path, l.At, l.Text, 0)
		return
	}
	if len(j.last) == 0 {
		j.at = l.At
	}
	j.last = append(j.last[:0], l.Text...)
	j.from, j.to, j.since = from, to, l.Now
	j.text = append(j.text, l.Text[from:to]...)
	if j.complete = endsWithFeed(l.Text[from:to]); j.complete && j.first == nil {
		j.finish()
	}
}

// finish sends off the line that waits.
func (j *dockerJoiner) finish() {
	if len(j.last) == 0 {
		return
	}
	whole := append(append(append([]byte(nil), j.last[:j.from]...), j.text...), j.last[j.to:]...)
	j.last, j.text, j.complete = j.last[:0], j.text[:0], false
	j.line(j.batch, j.path, j.at, whole, 0)
}

// find tells where in a line the text of its key `log` stands; false when it is no line of Docker's.
func (j *dockerJoiner) find(line []byte) (from, to int, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return 0, 0, false
	}
	out, used, err := event.ParseJSON(j.parsed[:0], line)
	if j.parsed = out; err != nil || len(bytes.TrimSpace(line[used:])) > 0 {
		return 0, 0, false
	}
	depth, key := 0, false // a key may begin
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '{', '[':
			depth++
			key = depth == 1
		case '}', ']':
			depth--
		case ',':
			key = depth == 1
		case '"':
			end := closing(line, i)
			if key && string(line[i+1:end]) == "log" {
				v := end + 1 + bytes.IndexByte(line[end+1:], ':') + 1
				v += len(line[v:]) - len(bytes.TrimLeft(line[v:], " \t\r\n"))
				if line[v] != '"' {
					return 0, 0, false
				}
				return v + 1, closing(line, v), true
			}
			i, key = end, false
		}
	}
	return 0, 0, false
}

// closing returns where the text ends that begins at line[at], in valid JSON.
func closing(line []byte, at int) int {
	for i := at + 1; ; i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
}

// endsWithFeed reports whether the text, as it is written in JSON, ends with a line feed.
func endsWithFeed(text []byte) bool {
	short := bytes.TrimSuffix(text, []byte(`\n`))
	if len(short) == len(text) {
		if n := len(text) - len(`\u000a`); n < 0 || !bytes.EqualFold(text[n:], []byte(`\u000a`)) {
			return false
		}
		short = text[:len(text)-len(`\u000a`)]
	}
	slashes := len(short) - len(bytes.TrimRight(short, `\`))
	return slashes%2 == 0
}

// Flush implements [plugin.Joiner].
func (j *dockerJoiner) Flush(now time.Time) {
	if now.IsZero() || now.Sub(j.since) >= j.wait {
		j.finish()
	}
}

// Oldest implements [plugin.Joiner].
func (j *dockerJoiner) Oldest() (at int64, waits bool) { return j.at, len(j.last) > 0 }
