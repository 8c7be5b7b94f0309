// Package format writes records the way Fluent Bit's outputs share: the JSON family with its date key,
// MessagePack, and the text form of the output stdout.
package format

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// Format is how the records of a chunk become bytes. Outputs with formats of their own add to the list.
type Format string

// The formats that many outputs share.
const (
	MsgPack    Format = "msgpack"     // the records as they are stored
	JSON       Format = "json"        // one array of objects
	JSONLines  Format = "json_lines"  // each object on a line of its own
	JSONStream Format = "json_stream" // objects one behind the other
)

// Records holds the settings of an output that writes records as JSON. The zero value writes MessagePack;
// its JSON has no date.
type Records struct {
	Format  Format
	Date    Date
	DateKey string          // the key of the date, "" for none
	Style   event.JSONStyle // the service's; set it in New from Env.JSON
}

// Options returns format, json_date_format and json_date_key. Formats beyond the four shared ones and those
// of OTLP are the caller's to write.
func (r *Records) Options(more ...Format) []option.Option {
	return []option.Option{r.FormatOption(append([]Format{MsgPack, JSON, JSONLines, JSONStream}, more...)...), r.DateFormatOption(), r.DateKeyOption()}
}

// FormatOption binds the option format, which may be one of formats.
func (r *Records) FormatOption(formats ...Format) option.Option {
	return option.Enum("format", &r.Format, formats...).
		Help("How records are written: " + list(formats) + ".")
}

// DateFormatOption binds the option json_date_format.
func (r *Records) DateFormatOption() option.Option {
	o := option.Var("json_date_format", "string", &r.Date, parseDate).
		Help("How the record's time is written in JSON: seconds with a fraction (double), whole seconds (epoch), milliseconds (epoch_ms), or a text (iso8601, java_sql_timestamp).")
	o.Choices = slices.Sorted(func(yield func(string) bool) {
		for name := range dates {
			if !yield(name) {
				return
			}
		}
	})
	return o
}

// DateKeyOption binds the option json_date_key.
func (r *Records) DateKeyOption() option.Option {
	return option.Var("json_date_key", "string", &r.DateKey, func(s string) (string, error) {
		if on, err := option.ParseBool(s); err == nil && !on {
			return "", nil
		}
		return s, nil
	}).Default("date").Help("The key of the record's time in JSON; false leaves the time out.")
}

func list(formats []Format) string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// AppendChunk appends all records of c in the configured format, [MsgPack] when there is none.
func (r *Records) AppendChunk(dst []byte, c *event.Chunk) []byte {
	switch r.Format {
	case JSON:
		dst = append(dst, '[')
		n := 0
		for rec := range c.Records() {
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = r.AppendObject(dst, rec)
		}
		return append(dst, ']')
	case JSONLines:
		for rec := range c.Records() {
			dst = append(r.AppendObject(dst, rec), '\n')
		}
		return dst
	case JSONStream:
		for rec := range c.Records() {
			dst = r.AppendObject(dst, rec)
		}
		return dst
	case OTLPJSON:
		return r.appendOTLP(dst, c)
	case OTLPJSONPretty:
		return r.appendPrettyOTLP(dst, c)
	case MsgPack, "":
		return append(dst, c.Bytes()...)
	}
	panic(fmt.Sprintf("BUG: the format %s is the output's own", r.Format))
}

// internalKey holds what is no part of the body: the metadata and the attributes of the OTLP group.
const internalKey = "__internal__"

// AppendObject appends one record as a JSON object: the date, then the metadata when there is any, then
// the body. A key of the body that has the same name as one of the first two replaces it.
func (r *Records) AppendObject(dst []byte, rec *event.Record) []byte {
	body := rec.Body()
	start := len(dst)
	if r.DateKey != "" && body.Get(r.DateKey) == nil {
		dst = event.AppendJSONString(append(dst, '{'), r.DateKey, r.Style)
		dst = r.Date.AppendJSON(append(dst, ':'), rec.Time())
	}
	meta, group := rec.Meta(), rec.Group().Attributes
	if (meta.Len() > 0 || group.Len() > 0) && body.Get(internalKey) == nil {
		dst = append(dst, opening(dst, start))
		dst = r.appendInternal(dst, group, meta)
	}
	at := len(dst)
	dst = event.AppendJSON(dst, body, r.Style)
	switch {
	case at == start: // the body is all
	case dst[at+1] == '}': // the body is empty
		dst = append(dst[:at], '}')
	default:
		dst[at] = ','
	}
	return dst
}

// opening returns what stands before the next pair of the object that begins at start.
func opening(dst []byte, start int) byte {
	if len(dst) == start {
		return '{'
	}
	return ','
}

// appendInternal writes both parts, also the one that is empty; a record outside of groups has no attributes.
func (r *Records) appendInternal(dst []byte, group, meta event.Value) []byte {
	dst = append(dst, `"__internal__":{`...)
	if group.Type() == event.TypeMap {
		dst = event.AppendJSON(append(dst, `"group_attributes":`...), group, r.Style)
		dst = append(dst, ',')
	}
	dst = append(dst, `"log_metadata":`...)
	if meta.Len() == 0 {
		return append(dst, `{}}`...)
	}
	return append(event.AppendJSON(dst, meta, r.Style), '}')
}

var errDate = errors.New("is no date format (double, iso8601, java_sql_timestamp, epoch, epoch_ms)")
