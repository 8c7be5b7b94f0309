package config

import (
	"os"
	"strings"
)

// Expand replaces ${NAME} and ${NAME:-default} in text, as in every value of a configuration file; it
// serves properties from the command line. A variable that is empty counts as unset. Unset ones become
// nothing and are returned by name.
func Expand(text string, o Options) (expanded string, unset []string) {
	return expand(text, o.lookup)
}

func expand(text string, lookup func(string) (string, bool)) (string, []string) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var b strings.Builder
	var unset []string
	for {
		before, rest, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String(), unset
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + rest) // no variable, so it is text
			return b.String(), unset
		}
		name, fallback, hasFallback := strings.Cut(inner, ":-")
		switch value, ok := lookup(name); {
		case ok && value != "":
			b.WriteString(value)
		case hasFallback:
			b.WriteString(fallback)
		default:
			unset = append(unset, name)
		}
		text = after
	}
}

// lookup finds a variable where Fluent Bit looks: @SET and env sections, the environment, and the host's
// name as HOSTNAME.
func (o Options) lookup(name string) (string, bool) {
	if v, ok := o.Vars[name]; ok {
		return v, true
	}
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.LookupEnv
	}
	if v, ok := getenv(name); ok && v != "" {
		return v, true
	}
	if name == "HOSTNAME" {
		h, err := os.Hostname()
		return h, err == nil
	}
	return "", false
}
