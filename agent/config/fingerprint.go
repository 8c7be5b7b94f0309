package config

import (
	"fmt"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

// Fingerprint returns a text that is the same for sections that say the same in the same order, wherever
// they stand.
func Fingerprint(sections ...Section) string {
	var s strings.Builder
	for _, sec := range sections {
		appendSection(&s, sec)
	}
	return s.String()
}

func appendSection(s *strings.Builder, sec Section) {
	fmt.Fprintf(s, "[%q", sec.Name)
	appendProperties(s, sec.Props)
	for _, g := range sec.Groups {
		appendSection(s, g)
	}
	s.WriteString("]")
}

func appendProperties(s *strings.Builder, props []option.Property) {
	for _, p := range props {
		fmt.Fprintf(s, "%q=", strings.ToLower(p.Key))
		appendValue(s, p.Value)
	}
}

func appendValue(s *strings.Builder, v option.Value) {
	switch v.Kind {
	case option.KindList:
		s.WriteString("(")
		for _, e := range v.List {
			appendValue(s, e)
		}
		s.WriteString(")")
	case option.KindMap:
		s.WriteString("{")
		appendProperties(s, v.Map)
		s.WriteString("}")
	default:
		fmt.Fprintf(s, "%d%q", v.Kind, v.Text)
	}
}
