// Package option declares a plugin's settings once. Decoding with errors that name file, line and
// column, defaults, help, JSON schema and the README table all come from that one list.
package option

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option is one setting bound to one Go variable, as in package flag. The constructors below make
// them; the methods add what is not said by the variable's type.
type Option struct {
	Name     string
	Type     string // Fluent Bit's word: string, integer, boolean, size, time, double, …
	Fallback string // the default as it would be written in a file; "" for none
	About    string
	Repeats  bool // may be given many times
	Needed   bool // must be given
	Masked   bool // never shown in logs
	Prefix   bool // Name is the beginning of many keys
	Choices  []string

	keys  []string // every key it answers to, when more than Name
	whole bool     // set takes lists itself; for the others a list is the key repeated
	set   func(key string, v Value) error
}

// Help says what the setting does, in one sentence.
func (o Option) Help(s string) Option { o.About = s; return o }

// Default gives the value that is used when none is configured, as it would be written in a file.
func (o Option) Default(s string) Option { o.Fallback = s; return o }

// Required makes a missing setting an error.
func (o Option) Required() Option { o.Needed = true; return o }

// Secret keeps the value out of logs and dumps.
func (o Option) Secret() Option { o.Masked = true; return o }

// Alias lets the setting be written under other names too.
func (o Option) Alias(names ...string) Option {
	o.keys = append(append([]string{o.Name}, o.keys...), names...)
	return o
}

// Var binds an option to p through parse; the other constructors are made of it. Of several values the
// last one counts.
func Var[T any](name, typ string, p *T, parse func(string) (T, error)) Option {
	return Option{Name: name, Type: typ, set: func(_ string, v Value) error {
		if err := scalar(v); err != nil {
			return err
		}
		x, err := parse(v.Text)
		if err == nil {
			*p = x
		}
		return err
	}}
}

// Each binds an option that may be given many times, or once as a YAML list.
func Each[T any](name, typ string, p *[]T, parse func(string) (T, error)) Option {
	return Option{Name: name, Type: typ, Repeats: true, set: func(_ string, v Value) error {
		if err := scalar(v); err != nil {
			return err
		}
		x, err := parse(v.Text)
		if err == nil {
			*p = append(*p, x)
		}
		return err
	}}
}

// Nested binds an option that reads the whole value, maps and lists included.
func Nested(name, typ string, set func(Value) error) Option {
	return Option{Name: name, Type: typ, Repeats: true, whole: true, set: func(_ string, v Value) error { return set(v) }}
}

// Ordered binds several keys whose order among each other matters, such as the rules of the filter
// modify: set is called for each of them in file order. It returns one Option per key, for the help.
func Ordered(typ string, set func(key string, v Value) error, keys ...string) []Option {
	var os []Option
	for _, k := range keys {
		os = append(os, Option{Name: k, Type: typ, Repeats: true, set: set})
	}
	return os
}

// Rest binds every key that begins with prefix and that no other option takes; the prefix may be empty.
func Rest(prefix string, p *[]Property) Option {
	return Option{Name: prefix, Type: "prefix", Prefix: true, Repeats: true, set: func(key string, v Value) error {
		*p = append(*p, Property{Key: key, Value: v, Pos: v.Pos})
		return nil
	}}
}

// String binds a text.
func String(name string, p *string) Option {
	return Var(name, "string", p, func(s string) (string, error) { return s, nil })
}

// Strings binds a text that may be given many times.
func Strings(name string, p *[]string) Option {
	return Each(name, "string", p, func(s string) (string, error) { return s, nil })
}

// Int binds a whole number.
func Int(name string, p *int) Option { return Var(name, "integer", p, ParseInt) }

// Float binds a number.
func Float(name string, p *float64) Option { return Var(name, "double", p, ParseFloat) }

// Switch binds an on/off setting.
func Switch(name string, p *bool) Option { return Var(name, "boolean", p, ParseBool) }

// Size binds a number of bytes.
func Size(name string, p *int64) Option { return Var(name, "size", p, ParseSize) }

// Duration binds a span of time.
func Duration(name string, p *time.Duration) Option { return Var(name, "time", p, ParseDuration) }

// Enum binds an option that takes one of a few words, in any case.
func Enum[T ~string](name string, p *T, choices ...T) Option {
	o := Var(name, "string", p, func(s string) (T, error) {
		i := slices.IndexFunc(choices, func(c T) bool { return strings.EqualFold(string(c), s) })
		if i < 0 {
			return "", fmt.Errorf("is none of %s", quoteList(choices))
		}
		return choices[i], nil
	})
	for _, c := range choices {
		o.Choices = append(o.Choices, string(c))
	}
	return o
}

func quoteList[T ~string](list []T) string {
	var b strings.Builder
	for i, c := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("'" + string(c) + "'")
	}
	return b.String()
}

func scalar(v Value) error {
	if v.Kind == KindList || v.Kind == KindMap {
		return errors.New("takes one value, not a list or a map")
	}
	return nil
}

// ParseInt reads a whole number in decimal.
func ParseInt(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0, errors.New("is not a whole number")
	}
	return n, nil
}

// ParseFloat reads a decimal number, with a fraction and an exponent if need be.
func ParseFloat(s string) (float64, error) {
	f, err := parseDecimal(strings.TrimSpace(s))
	if err != nil {
		return 0, errors.New("is not a number")
	}
	return f, nil
}

// parseDecimal leaves out what strconv knows and no configuration means: hexadecimal, inf and nan.
func parseDecimal(s string) (float64, error) {
	if strings.Trim(s, "0123456789.eE+-") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// ParseBool reads true/on/yes and false/off/no, in any case.
func ParseBool(s string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "on", "yes":
		return true, nil
	case "false", "off", "no":
		return false, nil
	}
	return false, errors.New("is not a boolean (on, off, true, false, yes, no)")
}

// ParseSize reads a number of bytes such as 512, 1.5M or 64KB. The units are decimal, as Fluent Bit
// counts: 1K is 1000. false means 0.
func ParseSize(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, "false") {
		return 0, nil
	}
	num := strings.TrimRight(s, "kKmMgGbB")
	mul := 1.0
	switch strings.ToUpper(s[len(num):]) {
	case "", "B":
	case "K", "KB":
		mul = 1e3
	case "M", "MB":
		mul = 1e6
	case "G", "GB":
		mul = 1e9
	default:
		return 0, errSize
	}
	f, err := parseDecimal(strings.TrimSpace(num))
	if err != nil || f*mul >= 1<<63 || f*mul <= -1<<63 {
		return 0, errSize
	}
	return int64(f * mul), nil
}

var errSize = errors.New("is not a size (a number of bytes, or one with K, M or G)")

// ParseDuration reads a span of time: a number of seconds, with a fraction if need be, or one followed
// by s, m, h or d. Case does not matter: 10M is ten minutes.
func ParseDuration(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	unit := time.Second
	num := s
	if s != "" {
		switch s[len(s)-1] {
		case 's', 'S':
			num = s[:len(s)-1]
		case 'm', 'M':
			num, unit = s[:len(s)-1], time.Minute
		case 'h', 'H':
			num, unit = s[:len(s)-1], time.Hour
		case 'd', 'D':
			num, unit = s[:len(s)-1], 24*time.Hour
		}
	}
	f, err := parseDecimal(strings.TrimSpace(num))
	if err != nil || f*float64(unit) >= 1<<63 || f*float64(unit) <= -1<<63 {
		return 0, errors.New("is not a time (seconds, or a number with s, m, h or d)")
	}
	return time.Duration(f * float64(unit)), nil
}
