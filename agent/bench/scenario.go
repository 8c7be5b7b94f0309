package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// scenario is one pipeline over one kind of data.
type scenario struct {
	name   string
	data   string                         // the file, or the folder, below the working folder
	line   func(dst []byte, i int) []byte // makes line i
	files  int                            // more than one: data is a folder with so many files
	input  []string                       // properties of the input
	middle []string                       // arguments between input and output; OUT is replaced
	output []string                       // arguments of the output; OUT and SO are replaced
	typed  bool                           // SO is written with package plugin, also for the other agent
	// delivered tells how many records arrived; nil when nobody counts.
	delivered func(out string) (int, error)
}

var (
	toNull  = []string{"-o", "null", "-m", "*"}
	toFile  = []string{"-o", "file", "-m", "*", "-p", "path=OUT", "-p", "file=out.txt", "-p", "format=plain"}
	toCount = []string{"-e", "SO", "-o", "count", "-m", "*", "-p", "path=OUT/count"}
)

func parser(name string) []string { return []string{"parser=" + name} }

// lua is a filter whose function has the given body.
func lua(body string) []string {
	return []string{"-F", "lua", "-m", "*", "-p", "call=f", "-p", "code=function f(tag, ts, rec) " + body + " end"}
}

// filter is a filter for all tags, with its properties.
func filter(name string, props ...string) []string {
	args := []string{"-F", name, "-m", "*"}
	for _, p := range props {
		args = append(args, "-p", p)
	}
	return args
}

// filtered is tail, the parser json, filters, and an output that takes no time.
func filtered(name string, filters ...[]string) scenario {
	return scenario{name: name, data: "json", line: jsonLine, input: parser("json"), middle: slices.Concat(filters...), output: toNull}
}

var (
	modify  = filter("modify", "set=service shop", "rename=msg message", "remove=user")
	another = filter("modify", "set=service shop")
)

var scenarios = []scenario{
	{name: "tail-null", data: "json", line: jsonLine, output: toNull},
	{name: "tail-json-null", data: "json", line: jsonLine, input: parser("json"), output: toNull},
	{name: "tail-json-file", data: "json", line: jsonLine, input: parser("json"), output: toFile, delivered: countLines},
	{name: "tail-apache2-null", data: "apache", line: apacheLine, input: parser("apache2"), output: toNull},
	{name: "tail-cri-null", data: "cri", line: criLine, input: []string{"multiline.parser=cri"}, output: toNull},
	{name: "tail-json-stored", data: "json", line: jsonLine, input: append(parser("json"), "storage.type=filesystem"), middle: []string{"-b", "OUT/store"}, output: toNull},
	{name: "tail-json-plugin", data: "json", line: jsonLine, input: parser("json"), output: toCount, delivered: readCount},
	{name: "tail-json-typed", data: "json", line: jsonLine, input: parser("json"), output: toCount, delivered: readCount, typed: true},
	{name: "lua-keep", data: "json", line: jsonLine, input: parser("json"), middle: lua("return 0, 0, 0"), output: toNull},
	{name: "lua-edit", data: "json", line: jsonLine, input: parser("json"), middle: lua("rec.level = string.upper(rec.level) return 2, ts, rec"), output: toNull},
	{name: "kubernetes-add", data: "docker", line: dockerLine, input: append(parser("json"), kubeTag), middle: kubernetes(), output: toNull},
	{name: "kubernetes-merge", data: "docker", line: dockerLine, input: append(parser("json"), kubeTag), middle: kubernetes("merge_log=on", "keep_log=off"), output: toNull},
	filtered("filter-grep", filter("grep", "exclude=level ^debug$")),
	filtered("filter-modify", modify),
	filtered("filter-modify-add", another),
	filtered("filter-modify-add-5", another, another, another, another, another),
	filtered("filter-record_modifier", filter("record_modifier", "record=service shop", "remove_key=user")),
	filtered("filter-nest", filter("nest", "operation=nest", "wildcard=host", "wildcard=path", "nest_under=http")),
	{name: "filter-parser", data: "apache", line: apacheLine, middle: filter("parser", "key_name=log", "parser=apache2", "reserve_data=on"), output: toNull},
	filtered("filter-rewrite_tag", []string{"-F", "rewrite_tag", "-m", "tail.*", "-p", "rule=$level ^error$ err.$TAG false"}),
	filtered("stream-select", []string{"-T", "CREATE STREAM slow AS SELECT level, msg AS message, took FROM TAG:'tail.*' WHERE took > 500 AND level <> 'debug';"}),
	filtered("stream-group", []string{"-T", "CREATE STREAM hosts AS SELECT host, COUNT(*), AVG(took), MAX(took) FROM TAG:'tail.*' WINDOW TUMBLING (1 SECOND) WHERE ok = true GROUP BY host;"}),
	{name: "tail-1000-files", data: "many", line: jsonLine, files: 1000, input: parser("json"), output: toNull},
}

// parsers is what both agents are given as their parsers file.
const parsers = `[PARSER]
    Name        json
    Format      json
    Time_Key    time
    Time_Format %Y-%m-%dT%H:%M:%S.%L%z
[PARSER]
    Name        apache2
    Format      regex
    Regex       ^(?<host>[^ ]*) [^ ]* (?<user>[^ ]*) \[(?<time>[^\]]*)\] "(?<method>\S+)(?: +(?<path>[^ ]*) +\S*)?" (?<code>[^ ]*) (?<size>[^ ]*)(?: "(?<referer>[^\"]*)" "(?<agent>.*)")?$
    Time_Key    time
    Time_Format %d/%b/%Y:%H:%M:%S %z
`

// size is how much data there is.
type size struct {
	bytes   int64
	records int
}

func (s size) megabytes() float64 { return float64(s.bytes) / 1e6 }

// sizes remembers data that is there already.
var sizes = map[string]size{}

// generate writes the data, unless an earlier scenario did.
func (s *scenario) generate(path string, mb int) (size, error) {
	if done, ok := sizes[path]; ok {
		return done, nil
	}
	files := max(1, s.files)
	if s.files > 1 {
		if err := os.Mkdir(path, 0o755); err != nil {
			return size{}, err
		}
	}
	var total size
	for i := range files {
		name := path
		if s.files > 1 {
			name = filepath.Join(path, fmt.Sprintf("%04d.log", i))
		}
		if err := s.write(name, int64(mb)*1e6/int64(files), &total); err != nil {
			return size{}, err
		}
	}
	sizes[path] = total
	return total, nil
}

// write makes one file of at least n bytes. What its last line begins is ended: a multiple of 20 lines.
func (s *scenario) write(name string, n int64, total *size) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 64<<10)
	for done := int64(0); done < n || total.records%20 != 0; {
		line := s.line(w.AvailableBuffer(), total.records)
		w.Write(line)
		done += int64(len(line))
		total.bytes += int64(len(line))
		total.records++
	}
	return w.Flush()
}

// args are the command line of one run.
func (s *scenario) args(in, out, parsers, so string) []string {
	if s.files > 1 {
		in = filepath.Join(in, "*.log")
	}
	args := []string{"-q", "-R", parsers, "-f", "0.2"}
	replace := strings.NewReplacer("OUT", out, "SO", so)
	if s.output[0] == "-e" {
		args = append(args, "-e", replace.Replace(s.output[1]))
	}
	args = append(args, "-i", "tail", "-p", "path="+in, "-p", "read_from_head=on", "-p", "exit_on_eof=on")
	for _, p := range s.input {
		args = append(args, "-p", p)
	}
	for _, arg := range s.middle {
		args = append(args, replace.Replace(arg))
	}
	rest := s.output
	if rest[0] == "-e" {
		rest = rest[2:]
	}
	for _, a := range rest {
		args = append(args, replace.Replace(a))
	}
	return args
}

func countLines(out string) (int, error) {
	f, err := os.Open(filepath.Join(out, "out.txt"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, buf := 0, make([]byte, 64<<10)
	for {
		got, err := f.Read(buf)
		n += bytes.Count(buf[:got], []byte{'\n'})
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func readCount(out string) (int, error) {
	b, err := os.ReadFile(filepath.Join(out, "count"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// buildPlugin compiles the counting plugin: written with package plugin, or with the classic API and then
// with our SDK or the one that the world uses.
func (s *scenario) buildPlugin(work string, theirs bool) (string, error) {
	cmd, so := exec.Command("go", "build", "-buildmode=c-shared"), filepath.Join(work, "ours.so")
	switch {
	case s.typed:
		so = filepath.Join(work, "typed.so")
		cmd.Args = append(cmd.Args, "-o", so, "./bench/testdata/out_typed")
	case theirs:
		so = filepath.Join(work, "theirs.so")
		cmd.Args = append(cmd.Args, "-modfile", "go.mod", "-o", so, "./out_count")
	default:
		cmd.Args = append(cmd.Args, "-modfile", "ours.mod", "-o", so, "./out_count")
	}
	if _, err := os.Stat(so); err == nil {
		return so, nil
	}
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if !s.typed {
		cmd.Dir = filepath.Join("testdata", "upstream")
		cmd.Env = append(cmd.Env, "GOWORK=off")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s in %s: %w\n%s", cmd, cmd.Dir, err, out)
	}
	return so, nil
}
