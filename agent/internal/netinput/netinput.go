// Package netinput is what the inputs tcp and udp share: their settings, and how bytes become records.
package netinput

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/accessor"
	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/metric"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Port is where both listen unless told otherwise.
const Port = 5170

const (
	formatJSON = "json"
	formatNone = "none"
)

// Settings are the options of both.
type Settings struct {
	Chunk, Buffer int // how much to read at once, and how long a record may be; in bytes

	format    string
	separator string
	parser    string
	sourceKey string
	workers   int
}

// Options returns them.
func (s *Settings) Options() []option.Option {
	kilobytes := func(name string, p *int) option.Option {
		return option.Var(name, "string", p, func(text string) (int, error) {
			digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(strings.TrimSpace(text)), "KB"), "K")
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > 1<<20 {
				return 0, errors.New("is no number of kilobytes (1 to 1048576)")
			}
			return n * 1024, nil
		})
	}
	return []option.Option{
		option.Enum("format", &s.format, formatJSON, formatNone).Help("How records are written: JSON values one behind the other (json, the default), or text with separators (none)."),
		option.Var("separator", "string", &s.separator, unescape).Help(`Format none: what stands between two records, with \n, \t, \x00 and the like; a line end unless set.`),
		option.String("parser", &s.parser).Help("Name of the parser that turns each text into a record. It implies the format none."),
		kilobytes("chunk_size", &s.Chunk).Help("How many kilobytes are read at once; 32 unless set."),
		kilobytes("buffer_size", &s.Buffer).Help("How many kilobytes a record may have; chunk_size unless it is more."),
		option.String("source_address_key", &s.sourceKey).Help("Add the sender's address to each record under this key."),
		option.Int("workers", &s.workers).Default("1").Help("Taken for compatibility: every connection is read on its own."),
	}
}

func unescape(s string) (string, error) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil || text == "" {
		return "", errors.New(`is no text, maybe with \n, \t or \x00`)
	}
	return text, nil
}

// New checks the settings and returns what makes readers.
func (s *Settings) New(env plugin.Env) (*Source, error) {
	if s.Chunk == 0 {
		s.Chunk = 32 << 10
	}
	s.Buffer = max(s.Buffer, s.Chunk)
	if s.separator == "" {
		s.separator = "\n"
	}
	src := &Source{set: *s, log: env.Log, bad: burst.Log{Counter: Malformed(env)}}
	if s.sourceKey != "" {
		src.source = accessor.Key(s.sourceKey)
	}
	if s.parser == "" {
		return src, nil
	}
	p, ok := env.Parser(s.parser)
	if !ok {
		v, _ := option.Lookup(env.Properties, "parser")
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("parser: there is no parser '%s'", s.parser), Cure: "define it, or name the file that does with parsers_file"}
	}
	if s.format == formatJSON {
		env.Log.Warn("a parser works on texts with separators between them; the format is 'none', not 'json'")
	}
	src.parser, src.set.format = p, formatNone
	return src, nil
}

// Malformed is the counter that all inputs from the network have for what they leave out.
func Malformed(env plugin.Env) *metric.Counter {
	return env.Metrics.Counter("malformed_records_total", "Records that were left out because they could not be read")
}

// Source makes a reader for each sender.
type Source struct {
	set    Settings
	parser plugin.Parser
	source *accessor.Accessor
	log    *slog.Logger
	bad    burst.Log
}
