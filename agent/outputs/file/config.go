package file

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

type kind string

const (
	formatDefault  kind = "out_file"
	formatPlain    kind = "plain"
	formatCSV      kind = "csv"
	formatLTSV     kind = "ltsv"
	formatTemplate kind = "template"
	formatMsgPack  kind = "msgpack"
)

// policy is what happens to a record that has no file of its own.
type policy string

const (
	policyError    policy = "error"    // its chunk is refused
	policyDrop     policy = "drop"     // it is dropped
	policyFallback policy = "fallback" // it goes to the fallback file
)

type config struct {
	path, file                 option.Value
	strftime                   bool
	maxFiles                   int
	onMissing, onLimit         policy
	fallbackPath, fallbackFile string

	format           kind
	delimiter, label string
	template         string
	header           bool

	mkdir       bool
	rotate      bool
	rotateSize  int64
	rotateFiles int
	rotateGzip  bool

	target target
}

func (c *config) Options() []option.Option {
	return []option.Option{
		placed("path", &c.path).Help("Directory of the files. After a fixed beginning it may hold record accessors such as $app or $TAG."),
		placed("file", &c.file).Help("Name of the file; the tag when there is none. It may hold record accessors."),
		option.Switch("enable_strftime", &c.strftime).Default("false").Help("Replace conversions such as %Y-%m-%d in path and file by the record's time (UTC)."),
		option.Int("max_dynamic_files", &c.maxFiles).Default("1024").Help("How many files whose names come from records may be in use; an hour without records frees one."),
		option.Enum("on_missing_field", &c.onMissing, policyError, policyDrop, policyFallback).Default("error").
			Help("What happens to a record that lacks a field of path or file: its chunk is refused (error), it is dropped, or it goes to the fallback file."),
		option.Enum("on_limit_reached", &c.onLimit, policyError, policyDrop, policyFallback).Default("error").
			Help("The same for a record that needs one file more than max_dynamic_files."),
		option.String("fallback_path", &c.fallbackPath).Help("Directory of the fallback file."),
		option.String("fallback_file", &c.fallbackFile).Help("Name of the fallback file; the tag when there is none."),
		option.Enum("format", &c.format, formatDefault, formatPlain, formatCSV, formatLTSV, formatTemplate, formatMsgPack).
			Help("How records are written: out_file (tag, time and JSON; the default), plain (JSON), csv, ltsv, template or msgpack."),
		option.Var("delimiter", "string", &c.delimiter, parseDelimiter).
			Help("What separates fields: tab, space, comma or any one character. A comma in csv and a tab in ltsv unless set."),
		option.Var("label_delimiter", "string", &c.label, parseDelimiter).
			Help("What separates a label from its value in ltsv: a colon unless set."),
		option.String("template", &c.template).Default("{time} {message}").Help("A line of the format template: {time} and {key} are replaced, a missing key stays as it stands."),
		option.Switch("csv_column_names", &c.header).Default("false").Help("Begin csv files with a line of column names."),
		option.Switch("mkdir", &c.mkdir).Default("false").Help("Create missing directories."),
		option.Switch("rotate", &c.rotate).Default("false").Help("Set a file aside when it gets too large and begin a new one."),
		option.Size("rotate_max_size", &c.rotateSize).Default("100M").Help("The size that a file may reach before it is set aside."),
		option.Int("rotate_max_files", &c.rotateFiles).Default("7").Help("How many files set aside are kept; the oldest goes first."),
		option.Switch("rotate_gzip", &c.rotateGzip).Default("true").Help("Compress files that were set aside."),
	}
}

// placed binds a text that keeps its place for errors found later.
func placed(name string, v *option.Value) option.Option {
	o := option.Nested(name, "string", func(given option.Value) error {
		if given.Kind == option.KindList || given.Kind == option.KindMap {
			return errors.New("takes one value, not a list or a map")
		}
		*v = given
		return nil
	})
	o.Repeats = false
	return o
}

func parseDelimiter(s string) (string, error) {
	switch s {
	case `\t`, "t", "tab":
		return "\t", nil
	case "space":
		return " ", nil
	case "comma":
		return ",", nil
	}
	if utf8.RuneCountInString(s) != 1 || s == "\n" || s == `"` {
		return "", errors.New("is no delimiter (tab, space, comma or one character)")
	}
	return s, nil
}

func (c *config) New(env plugin.Env) (plugin.Output, error) {
	t, err := newTarget(c.path, c.file, c.strftime)
	if err != nil {
		return nil, err
	}
	c.target = t
	if c.format == "" {
		c.format = formatDefault
	}
	switch {
	case c.delimiter != "":
	case c.format == formatLTSV:
		c.delimiter = "\t"
	default:
		c.delimiter = ","
	}
	if c.label == "" {
		c.label = ":"
	}
	if (c.onMissing == policyFallback || c.onLimit == policyFallback) && c.fallbackPath == "" && c.fallbackFile == "" {
		return nil, fault(env, "on_missing_field", "the fallback has no place", "set fallback_path or fallback_file")
	}
	if c.maxFiles < 1 {
		return nil, fault(env, "max_dynamic_files", "max_dynamic_files must be at least 1", "")
	}
	if c.rotate && c.rotateSize < 1 {
		return nil, fault(env, "rotate_max_size", "rotate_max_size must be more than 0", "leave rotate off for files without limit")
	}
	if c.rotate && c.rotateFiles < 1 {
		return nil, fault(env, "rotate_max_files", "rotate_max_files must be at least 1", "leave rotate off for files without limit")
	}
	return &output{
		config: *c, style: env.JSON, log: env.Log, now: time.Now,
		inUse: map[string]time.Time{}, columns: map[string][]string{},
	}, nil
}

// fault is an error at the place where key was configured.
func fault(env plugin.Env, key, msg, cure string) error {
	v, _ := option.Lookup(env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: msg, Cure: cure}
}
