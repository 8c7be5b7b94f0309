package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The pages for plugin authors are true: their files are written, their shell blocks run, in order and in one
// shell, and what they show as output is in what came out.
func TestThePluginTutorialIsTrue(t *testing.T) { follow(t, "tutorial.md") }

func TestThePageOnClassicPluginsIsTrue(t *testing.T) { follow(t, "classic.md") }

func follow(t *testing.T, page string) {
	d := newDesk(t)
	text, err := os.ReadFile(filepath.Join("../../docs/plugins", page))
	if err != nil {
		t.Fatal(err)
	}
	out, ran := "", 0
	where, env := d.dir, filepath.Join(d.dir, ".state")
	port := freePort(t)
	for _, b := range fences(string(text)) {
		code := strings.ReplaceAll(b.code, "9880", port)
		lang, file, _ := strings.Cut(b.info, " file=")
		switch {
		case file != "":
			path := filepath.Join(d.dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(code), 0o666); err != nil {
				t.Fatal(err)
			}
		case lang == "sh":
			ran++
			script := fmt.Sprintf("cd %q\nset -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n", where) + code + fmt.Sprintf("pwd > %q\n", env)
			if out, err = d.run("", "timeout", "-k", "1", "60", "bash", "-c", script); err != nil {
				t.Fatalf("%s, line %d: %v\n%s\n%s", page, b.line, err, b.code, out)
			}
			pwd, err := os.ReadFile(env)
			if err != nil {
				t.Fatal(err)
			}
			where = strings.TrimSpace(string(pwd))
		case lang == "output":
			for line := range strings.Lines(code) {
				if !shows(out, strings.TrimSpace(line)) {
					t.Errorf("%s, line %d: no %q in\n%s", page, b.line, line, out)
				}
			}
		}
	}
	if ran == 0 {
		t.Errorf("%s has nothing to run", page)
	}
}

// shows tells whether a line of out, but for blanks around it, is as line, where … stands for anything.
func shows(out, line string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
	return regexp.MustCompile(`(?m)^\s*` + pattern + `\s*$`).MatchString(out)
}

// fence is a code block: the words behind its ```, and the line of the page that it begins at.
type fence struct {
	info, code string
	line       int
}

func fences(page string) (list []fence) {
	var b *fence
	n := 0
	for line := range strings.Lines(page) {
		n++
		info, border := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case border && b == nil:
			b = &fence{info: info, line: n}
		case border:
			list, b = append(list, *b), nil
		case b != nil:
			b.code += line
		}
	}
	return list
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
