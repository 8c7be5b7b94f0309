package sampling

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// condition reports whether a span, of a trace of so many, is worth the trace.
type condition func(s span, ofTrace int) bool

// settings of all types of conditions; each type reads its own.
type settings struct {
	codes     []string
	low, high int // milliseconds
	key       string
	match     string
	values    []string
	value     bool
	min, max  int
}

var types = map[string]func(*settings) ([]option.Option, func() (condition, error)){
	"status_code": func(s *settings) ([]option.Option, func() (condition, error)) {
		return []option.Option{option.Strings("status_codes", &s.codes).Required()}, s.status
	},
	"latency": func(s *settings) ([]option.Option, func() (condition, error)) {
		return []option.Option{option.Int("threshold_ms_low", &s.low), option.Int("threshold_ms_high", &s.high)}, s.latency
	},
	"string_attribute": func(s *settings) ([]option.Option, func() (condition, error)) {
		return []option.Option{s.keyOption(), option.Enum("match_type", &s.match, "strict", "exists", "regex").Default("strict"), option.Strings("values", &s.values)}, s.texts
	},
	"numeric_attribute": func(s *settings) ([]option.Option, func() (condition, error)) {
		return append([]option.Option{s.keyOption(), s.matchOption()}, s.between("min_value", "max_value")...), s.number
	},
	"boolean_attribute": func(s *settings) ([]option.Option, func() (condition, error)) {
		return []option.Option{s.keyOption(), s.matchOption(), option.Switch("value", &s.value).Required()}, s.boolean
	},
	"span_count": func(s *settings) ([]option.Option, func() (condition, error)) {
		return s.between("min_spans", "max_spans"), s.count
	},
	"trace_state": func(s *settings) ([]option.Option, func() (condition, error)) {
		return []option.Option{option.Strings("values", &s.values).Required()}, s.state
	},
}

func (s *settings) keyOption() option.Option { return option.String("key", &s.key).Required() }

func (s *settings) matchOption() option.Option {
	return option.Enum("match_type", &s.match, "strict", "exists").Default("strict")
}

func (s *settings) between(low, high string) []option.Option {
	return []option.Option{option.Int(low, &s.min).Required(), option.Int(high, &s.max).Required()}
}

func parseCondition(v option.Value) (condition, error) {
	kind, _ := option.Lookup(v.Map, "type")
	of, ok := types[strings.ToLower(kind.Text)]
	if v.Kind != option.KindMap || !ok {
		var names []string
		for n := range types {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("there is no condition of type '%s'", kind.Text), Cure: "use one of " + strings.Join(names, ", ")}
	}
	s := new(settings)
	opts, build := of(s)
	if err := decode("a condition", v, append(opts, option.String("type", new(string)))...); err != nil {
		return nil, err
	}
	c, err := build()
	if err != nil {
		return nil, &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: %v", kind.Text, err)}
	}
	return c, nil
}

func (s *settings) status() (condition, error) {
	names := []string{"UNSET", "OK", "ERROR"} // by their numbers
	var wanted [3]bool
	for _, c := range s.codes {
		i := slices.Index(names, strings.ToUpper(c))
		if i < 0 {
			return nil, fmt.Errorf("'%s' is no status code: UNSET, OK or ERROR", c)
		}
		wanted[i] = true
	}
	return func(sp span, _ int) bool {
		code, ok := sp.body.Get("status").Get("code").Int()
		return ok && code >= 0 && code < 3 && wanted[code]
	}, nil
}

func (s *settings) latency() (condition, error) {
	if s.low <= 0 && s.high <= 0 {
		return nil, errors.New("give threshold_ms_low, threshold_ms_high or both")
	}
	return func(sp span, _ int) bool {
		begin, _ := sp.body.Get("start_time_unix_nano").Uint()
		end, _ := sp.body.Get("end_time_unix_nano").Uint()
		if begin > end {
			return false
		}
		took := (end - begin) / 1_000_000
		return s.low > 0 && took <= uint64(s.low) || s.high > 0 && took >= uint64(s.high)
	}, nil
}

// attribute looks at a key of the resource's attributes and of the span's own.
func (s *settings) attribute(of event.Type, holds func(event.Value) bool) condition {
	return func(sp span, _ int) bool {
		for _, attributes := range []event.Value{sp.resource.get("resource").Get("attributes"), sp.body.Get("attributes")} {
			v := attributes.Get(s.key)
			if family(v.Type()) == of && (s.match == "exists" || holds(v)) {
				return true
			}
		}
		return false
	}
}

// family takes all numbers together.
func family(t event.Type) event.Type {
	switch t {
	case event.TypeInt, event.TypeUint, event.TypeFloat32:
		return event.TypeFloat64
	}
	return t
}

func (s *settings) texts() (condition, error) {
	if s.match != "regex" {
		return s.attribute(event.TypeStr, func(v event.Value) bool { return slices.Contains(s.values, string(v.Str())) }), nil
	}
	var list []*regex.Regexp
	for _, text := range s.values {
		re, err := regex.Compile(text)
		if err != nil {
			return nil, err
		}
		list = append(list, re)
	}
	return s.attribute(event.TypeStr, func(v event.Value) bool {
		return slices.ContainsFunc(list, func(re *regex.Regexp) bool { return re.Match(v.Str()) })
	}), nil
}

func (s *settings) ordered() error {
	if s.min > s.max {
		return fmt.Errorf("%d is more than %d", s.min, s.max)
	}
	return nil
}

func (s *settings) number() (condition, error) {
	return s.attribute(event.TypeFloat64, func(v event.Value) bool {
		n, ok := v.Float()
		if i, whole := v.Int(); whole {
			n, ok = float64(i), true
		} else if u, whole := v.Uint(); whole {
			n, ok = float64(u), true
		}
		return ok && n >= float64(s.min) && n <= float64(s.max)
	}), s.ordered()
}

func (s *settings) boolean() (condition, error) {
	return s.attribute(event.TypeBool, func(v event.Value) bool { b, _ := v.Bool(); return b == s.value }), nil
}

func (s *settings) count() (condition, error) {
	return func(_ span, n int) bool { return n >= s.min && n <= s.max }, s.ordered()
}

func (s *settings) state() (condition, error) {
	return func(sp span, _ int) bool {
		for entry := range strings.SplitSeq(string(sp.body.Get("trace_state").Str()), ",") {
			if entry != "" && slices.Contains(s.values, entry) {
				return true
			}
		}
		return false
	}, nil
}
