// Package parsing holds what the formats of parsers share: their keys, the time of a line, the types of
// its fields and the decoders that work on them.
//
// A format embeds [Settings], makes [Rules] of them, and builds each line's record with a [Builder]. Rules
// may be shared by any number of goroutines, and building a record allocates nothing once buffers have
// grown.
package parsing

import (
	"fmt"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/strptime"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Settings are the keys of a parser's definition that all formats know. Types counts for the formats whose
// fields are text.
type Settings struct {
	name, format string
	timeKey      string
	layout       *strptime.Layout
	keep, strict bool
	offset       int
	zone         *time.Location
	system       bool
	types        []typed
	decoders     []*decoder
	without      []string // keys given that mean nothing to the format
}

// Options binds the keys that all formats know, and takes those named in without as well: keys of other
// formats, which Fluent Bit accepts anywhere. [Settings.New] warns of them.
func (s *Settings) Options(without ...string) []option.Option {
	list := []option.Option{
		option.String("name", &s.name).Help("The name that inputs and filters know the parser by."),
		option.String("format", &s.format).Help("What the lines look like: json, regex, ltsv or logfmt."),
		option.String("time_key", &s.timeKey).Default("time").
			Help("The field that holds the time; it is looked at only when Time_Format is set."),
		option.Var("time_format", "string", &s.layout, parseLayout).
			Help("How the time is written, in the conversions of strptime(3); %L is a fraction of a second."),
		option.Switch("time_keep", &s.keep).Default("off").
			Help("Leave the time's field in the record once the time was read from it."),
		option.Var("time_offset", "string", &s.offset, strptime.ParseOffset).
			Help("The distance from UTC, such as +0200, of times that name no zone."),
		option.Var("time_zone", "string", &s.zone, parseZone).
			Help("The zone of times that name none: a name such as Europe/Berlin, or local for the machine's own."),
		option.Switch("time_system_timezone", &s.system).Default("off").
			Help("Read times that name no zone in the zone of the machine."),
		option.Switch("time_strict", &s.strict).Default("on").
			Help("Take a time only when all of Time_Format fits; off is content with its beginning."),
	}
	list = append(list, option.Ordered("string", s.addDecoder, "decode_field", "decode_field_as")...)
	n := len(list)
	list[n-2] = list[n-2].Help("A decoder and a field, then try_next or do_next: the map found in the field is added to the record.")
	list[n-1] = list[n-1].Help("A decoder and a field, then try_next or do_next: what was decoded takes the field's place.")
	for _, key := range without {
		list = append(list, option.Each(key, "string", &s.without, func(string) (string, error) { return key, nil }).
			Help("Taken for the sake of other formats; it has no effect on this one."))
	}
	return list
}

// TypesOption binds Types, for the formats whose fields are text.
func (s *Settings) TypesOption() option.Option {
	return option.Var("types", "string", &s.types, parseTypes).
		Help("Fields that are no text, as key:type with blanks between: integer, float, bool, hex or string.")
}

func parseLayout(s string) (*strptime.Layout, error) {
	if s == "" {
		return nil, nil
	}
	return strptime.Compile(s)
}

func parseZone(s string) (*time.Location, error) {
	switch s {
	case "":
		return nil, nil
	case "local", "Local", "LOCAL":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("is no time zone that is known here (%w); write a name such as Europe/Berlin, or local", err)
	}
	return zone, nil
}

// New checks the settings against each other and makes rules of them.
func (s *Settings) New(env plugin.Env) (*Rules, error) {
	if err := s.checkZones(env.Properties); err != nil {
		return nil, err
	}
	r := &Rules{timeKey: s.timeKey, keep: s.keep, types: s.types, decoders: s.decoders, log: env.Log}
	if r.timeKey == "" {
		r.timeKey = "time"
	}
	if s.layout != nil {
		l := *s.layout
		l.Partial = !s.strict
		l.Offset, l.Zone = s.offset, s.zone
		if s.system {
			l.Offset, l.Zone = 0, time.Local
		}
		r.layout = &l
	}
	r.pool.New = func() any { return &Builder{rules: r} }
	for _, key := range s.without {
		r.warn(fmt.Sprintf("the key '%s' has no effect on this format", key))
	}
	for _, d := range s.decoders {
		if d.pointless() {
			r.warn(fmt.Sprintf("Decode_Field on '%s' has no effect: only json finds keys to add; Decode_Field_As replaces the text", d.key))
		}
	}
	return r, nil
}

// checkZones refuses contradictions. Time_Offset beside Time_System_Timezone is taken, as Fluent Bit does:
// the machine's zone counts.
func (s *Settings) checkZones(props []option.Property) error {
	if s.zone == nil {
		return nil
	}
	v, _ := option.Lookup(props, "time_zone")
	fault := &option.Error{Pos: v.Pos}
	switch {
	case s.layout == nil:
		fault.Msg, fault.Cure = "Time_Zone has no effect without Time_Format", "add Time_Format, or leave Time_Zone out"
	case s.system:
		fault.Msg, fault.Cure = "Time_Zone and Time_System_Timezone exclude each other", "leave one of them out"
	case s.offset != 0:
		fault.Msg, fault.Cure = "Time_Zone and Time_Offset exclude each other", "leave one of them out"
	default:
		return nil
	}
	return fault
}
