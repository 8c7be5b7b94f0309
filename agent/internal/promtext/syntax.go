package promtext

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/metric"
)

func cutWord(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// validName takes names of metrics; a label's name has no colon.
func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && c != ':' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// parseLabels reads what follows the opening brace, up to the closing one.
func parseLabels(s string) (labels []metric.Label, rest string, err error) {
	for {
		s = strings.TrimLeft(s, " \t,")
		if s == "" {
			return nil, "", errors.New("the labels have no closing brace")
		}
		if s[0] == '}' {
			return labels, s[1:], nil
		}
		name, after, ok := strings.Cut(s, "=")
		name = strings.TrimRight(name, " \t")
		if !ok || !validName(name) || strings.Contains(name, ":") {
			return nil, "", fmt.Errorf("'%s' does not begin with the name of a label and =", s)
		}
		after = strings.TrimLeft(after, " \t")
		if !strings.HasPrefix(after, `"`) {
			return nil, "", fmt.Errorf("the value of label %s is not in quotes", name)
		}
		value, n := unescape(after[1:], true)
		if n < 0 {
			return nil, "", fmt.Errorf("the value of label %s has no closing quote", name)
		}
		if len(labels) == maxLabels {
			return nil, "", fmt.Errorf("more than %d labels", maxLabels)
		}
		for _, l := range labels {
			if l.Name == name {
				return nil, "", fmt.Errorf("the label %s is there twice", name)
			}
		}
		labels, s = append(labels, metric.Label{Name: name, Value: value}), after[1+n:]
	}
}

const maxLabels = 128

// unescape reads a text, up to a quote when it is quoted, and returns how long it was, with that quote; -1
// when the quote is missing.
func unescape(s string, quoted bool) (text string, n int) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && quoted:
			return b.String(), i + 1
		case c != '\\' || i+1 == len(s):
			b.WriteByte(c)
		case s[i+1] == 'n':
			b.WriteByte('\n')
			i++
		case s[i+1] == '\\' || s[i+1] == '"':
			b.WriteByte(s[i+1])
			i++
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), -1
}

// parseFloat reads what Go does, without its hexadecimal and underscored forms.
func parseFloat(s string) (float64, error) {
	if strings.ContainsAny(s, "xXpP_") {
		return 0, errors.New("no number")
	}
	f, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) && math.IsInf(f, 0) {
		return f, nil
	}
	return f, err
}
