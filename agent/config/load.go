package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// Options say where a configuration's surroundings come from. The zero value is the process's own.
type Options struct {
	// Getenv looks up the environment; nil is os.LookupEnv.
	Getenv func(string) (string, bool)
	// Dir is where relative paths begin; "" is the working directory.
	Dir string
	// Vars are variables that count before the environment. What @SET and env sections define is added
	// when the map is not nil.
	Vars map[string]string
}

// FileKind says which sections a file may hold.
type FileKind uint8

// The kinds of configuration files.
const (
	MainFile     FileKind = iota
	ParsersFile           // [PARSER], [MULTILINE_PARSER]
	PluginsFile           // [PLUGINS] with Path lines
	StreamsFile           // [STREAM_TASK]
	UpstreamFile          // [UPSTREAM], [NODE]
)

func (k FileKind) String() string {
	return [...]string{"main configuration", "parsers", "plugins", "streams", "upstream"}[k] + " file"
}

const (
	maxFiles  = 1000
	maxFile   = 64 << 20
	maxFaults = 100
)

// Load reads a main configuration file, .yaml and .yml as YAML and any other as classic, with the files
// that it includes and that its service section names. All faults are returned at once, joined, each an
// [*option.Error]; the tree holds what could be read and is never nil.
func Load(path string, o Options) (*Tree, error) {
	t := &Tree{}
	return t, t.AddFile(path, MainFile, o)
}

// AddFile reads one more file into t, after what t holds already; see [Load].
func (t *Tree) AddFile(path string, kind FileKind, o Options) error {
	r := newReader(t, o, disk{o.Dir})
	n := len(t.Upstreams)
	r.add(path, kind)
	if kind == UpstreamFile {
		t.nameUpstream(path, n)
	}
	return r.err()
}

// reader fills a tree from one file and all that it leads to.
type reader struct {
	o      Options
	fs     files
	tree   *Tree
	root   string // the folder of the first file
	seen   []os.FileInfo
	faults []error
}

func newReader(t *Tree, o Options, fs files) *reader {
	if o.Vars == nil {
		o.Vars = map[string]string{}
	}
	t.Vars = o.Vars
	return &reader{o: o, fs: fs, tree: t}
}

// add reads a file into a part of its own first, since variables may be set after they are used.
func (r *reader) add(path string, kind FileKind) {
	if kind == MainFile {
		r.root = filepath.Dir(path)
	}
	r.seen = nil
	whole := r.tree
	part := &Tree{}
	r.tree = part
	r.read(path, option.Pos{File: path}, kind, isYAML(path))
	r.resolve(part)
	r.checkService(part.Service)
	whole.merge(part)
	r.tree = whole
	for _, f := range serviceFiles {
		for _, p := range part.Service {
			if p.Is(f.key) {
				r.follow(p.Value, f.kind)
			}
		}
	}
	for _, out := range part.Outputs {
		if v, ok := option.Lookup(out.Props, "upstream"); ok && takesUpstream[strings.ToLower(out.Name)] {
			r.followUpstream(v)
		}
	}
}

// takesUpstream are the outputs whose property upstream names a file.
var takesUpstream = map[string]bool{"forward": true, "es": true}

// serviceFiles are the service keys that name further files.
var serviceFiles = []struct {
	key  string
	kind FileKind
}{{"parsers_file", ParsersFile}, {"plugins_file", PluginsFile}, {"streams_file", StreamsFile}}

func (r *reader) follow(v option.Value, kind FileKind) {
	if v.Kind == option.KindList {
		for _, item := range v.List {
			r.follow(item, kind)
		}
		return
	}
	paths := []string{v.Text}
	if !filepath.IsAbs(v.Text) {
		paths = append(paths, filepath.Join(r.root, v.Text))
	}
	path, err := r.find(paths...)
	if err != nil {
		r.fault(v.Pos, "check the path", "cannot open the %s '%s': %s", kind, v.Text, reason(err))
		return
	}
	r.add(path, kind)
}

// followUpstream reads the file behind an output's upstream, unless it is the name of an upstream that
// YAML defined or a file that was read already.
func (r *reader) followUpstream(v option.Value) {
	if _, ok := r.tree.Upstream(v.Text); ok {
		return
	}
	n := len(r.tree.Upstreams)
	r.follow(v, UpstreamFile)
	r.tree.nameUpstream(v.Text, n)
}

// read appends what stands in a file and its includes; values keep their variables.
func (r *reader) read(path string, from option.Pos, kind FileKind, asYAML bool) {
	if len(r.seen) >= maxFiles {
		r.fault(from, "", "'%s' is one file too many: a configuration is at most %d files", path, maxFiles)
		return
	}
	data, info, err := r.fs.read(path)
	if err != nil {
		r.fault(from, "check the path and the file's permissions", "cannot open configuration file '%s': %s", path, reason(err))
		return
	}
	if slices.ContainsFunc(r.seen, func(s os.FileInfo) bool { return r.fs.same(s, info) }) {
		r.fault(from, "include each file once, and not from itself", "the file '%s' is read twice", path)
		return
	}
	r.seen = append(r.seen, info)
	if len(data) > maxFile {
		r.fault(from, "", "the file '%s' is larger than %d MiB", path, maxFile>>20)
		return
	}
	if asYAML {
		r.readYAML(path, data, kind)
		return
	}
	r.readClassic(path, data, kind)
}

func isYAML(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// include reads the files of one @INCLUDE (classic) or one item of includes: a path, or a pattern with *.
// Patterns count from the folder of the including file. So do paths, which @INCLUDE tries as given first. As
// in the C agent, a pattern of includes may match nothing.
func (r *reader) include(path string, at option.Pos, classic bool, read func(string)) {
	path = r.expand(path, at)
	beside := path
	if !filepath.IsAbs(path) {
		beside = filepath.Join(filepath.Dir(at.File), path)
	}
	if strings.Contains(path, "*") {
		paths := r.fs.glob(beside)
		if len(paths) == 0 {
			report := r.warn
			if classic {
				report = r.fault
			}
			report(at, "the pattern counts from the including file's folder", "no file matches the included pattern '%s'", path)
		}
		slices.Sort(paths)
		for _, p := range paths {
			read(p)
		}
		return
	}
	first, second := beside, path
	if classic {
		first, second = path, beside
	}
	found, err := r.find(first, second)
	if err != nil {
		r.fault(at, "the path counts from the including file's folder", "cannot open the included file '%s': %s", path, reason(err))
		return
	}
	read(found)
}

// find returns the first path that is there.
func (r *reader) find(paths ...string) (string, error) {
	var first error
	for _, p := range paths {
		err := r.fs.stat(p)
		if err == nil {
			return p, nil
		}
		first = cmp.Or(first, err)
	}
	return "", first
}

func (r *reader) fault(at option.Pos, cure, format string, args ...any) {
	if len(r.faults) <= maxFaults {
		r.faults = append(r.faults, &option.Error{Pos: at, Msg: fmt.Sprintf(format, args...), Cure: cure})
	}
}

func (r *reader) warn(at option.Pos, cure, format string, args ...any) {
	if len(r.tree.Warnings) <= maxFaults {
		r.tree.Warnings = append(r.tree.Warnings, &option.Error{Pos: at, Msg: fmt.Sprintf(format, args...), Cure: cure})
	}
}

func (r *reader) err() error {
	if len(r.faults) > maxFaults {
		r.faults[maxFaults] = &option.Error{Msg: "and more errors after these", Cure: "correct the first ones and try again"}
	}
	return errors.Join(r.faults...)
}

// reason is what went wrong with a file, without repeating its name.
func reason(err error) string {
	if e := (*os.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return err.Error()
}

// files is the file system as the reader needs it.
type files interface {
	read(path string) ([]byte, os.FileInfo, error)
	stat(path string) error
	glob(pattern string) []string
	same(a, b os.FileInfo) bool
}

// disk is the real one; relative paths begin in dir.
type disk struct{ dir string }

func (d disk) abs(path string) string {
	if filepath.IsAbs(path) || d.dir == "" {
		return path
	}
	return filepath.Join(d.dir, path)
}

func (d disk) read(path string) ([]byte, os.FileInfo, error) {
	f, err := os.Open(d.abs(path))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	return data, info, err
}

func (disk) same(a, b os.FileInfo) bool { return os.SameFile(a, b) }

func (d disk) stat(path string) error {
	_, err := os.Stat(d.abs(path))
	return err
}

// glob leaves out folders and, as a shell does, names that begin with a dot unless the pattern's part does.
func (d disk) glob(pattern string) []string {
	paths, _ := filepath.Glob(d.abs(pattern)) // a malformed pattern matches nothing and is reported so
	parts := strings.Split(filepath.Clean(d.abs(pattern)), "/")
	paths = slices.DeleteFunc(paths, func(path string) bool {
		for i, part := range strings.Split(path, "/") {
			if i < len(parts) && strings.HasPrefix(part, ".") && !strings.HasPrefix(parts[i], ".") {
				return true
			}
		}
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	})
	if d.dir != "" && !filepath.IsAbs(pattern) {
		for i, p := range paths {
			if rel, err := filepath.Rel(d.dir, p); err == nil {
				paths[i] = rel
			}
		}
	}
	return paths
}
