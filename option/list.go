package option

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CSV binds a list whose items are separated by commas; blanks around an item do not count. The items of
// a YAML list count as well.
func CSV(name string, p *[]string) Option {
	return listOf(name, "CLIST", p, func(s string) ([]string, error) { return ParseCSV(s), nil })
}

// CSVs binds such a list that may be given many times: all items count.
func CSVs(name string, p *[]string) Option {
	var one []string
	o := CSV(name, &one)
	set := o.set
	o.Repeats = true
	o.set = func(key string, v Value) error {
		err := set(key, v)
		if err == nil {
			*p = append(*p, one...)
		}
		return err
	}
	return o
}

// ParseCSV splits a list at its commas. Blanks around an item and empty items do not count.
func ParseCSV(s string) []string {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// Words binds a list of at least n words, such as a header's name and value; see [ParseWords].
func Words(name string, n int, p *[]string) Option {
	return listOf(name, wordsType(n), p, func(s string) ([]string, error) { return ParseWords(s, n) })
}

// WordLists binds a list of words that may be given many times.
func WordLists(name string, n int, p *[][]string) Option {
	return Each(name, wordsType(n), p, func(s string) ([]string, error) { return ParseWords(s, n) })
}

func wordsType(n int) string {
	if n == 0 {
		return "SLIST"
	}
	return fmt.Sprintf("SLIST_%d", n)
}

// ParseWords splits s at its blanks into n words and what follows them, which is one more item, kept as
// written; n = 0 splits all of s. A word in double quotes may hold blanks, and \" within stands for a
// quote. Fewer than n words are an error.
func ParseWords(s string, n int) ([]string, error) {
	var list []string
	rest := strings.Trim(s, " \t")
	for rest != "" {
		if n > 0 && len(list) == n {
			return append(list, rest), nil
		}
		var word string
		word, rest = cutWord(rest)
		list = append(list, word)
		rest = strings.TrimLeft(rest, " \t")
	}
	if len(list) < max(n, 1) {
		return nil, fmt.Errorf("has %d words where %d are needed", len(list), max(n, 1))
	}
	return list, nil
}

func cutWord(s string) (word, rest string) {
	if s[0] != '"' {
		i := strings.IndexAny(s, " \t")
		if i < 0 {
			return s, ""
		}
		return s[:i], s[i:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			return b.String(), s[i+1:]
		}
		b.WriteByte(s[i])
	}
	return b.String(), "" // the quote was never closed
}

// listOf binds a list that is one value in a file and may be a list in YAML. Of several the last one counts.
func listOf(name, typ string, p *[]string, parse func(string) ([]string, error)) Option {
	return Option{Name: name, Type: typ, whole: true, set: func(_ string, v Value) error {
		if v.Kind == KindMap {
			return errors.New("takes a list, not a map")
		}
		if v.Kind != KindList {
			list, err := parse(v.Text)
			if err == nil {
				*p = list
			}
			return err
		}
		var all []string
		for _, item := range v.List {
			if err := scalar(item); err != nil {
				return err
			}
			list := []string{item.Text}
			if typ == "CLIST" {
				list = ParseCSV(item.Text)
			}
			all = append(all, list...)
		}
		*p = all
		return nil
	}}
}

// Between narrows a parser to values from low to high, both included.
func Between[T cmp.Ordered](parse func(string) (T, error), low, high T) func(string) (T, error) {
	return func(s string) (T, error) {
		x, err := parse(s)
		if err == nil && (x < low || x > high) {
			err = fmt.Errorf("is not between %v and %v", low, high)
		}
		return x, err
	}
}

// AtLeast narrows a parser to values from low up.
func AtLeast[T cmp.Ordered](parse func(string) (T, error), low T) func(string) (T, error) {
	return func(s string) (T, error) {
		x, err := parse(s)
		if err == nil && x < low {
			err = fmt.Errorf("is less than %v", low)
		}
		return x, err
	}
}

// Above narrows a parser to values above low.
func Above[T cmp.Ordered](parse func(string) (T, error), low T) func(string) (T, error) {
	return func(s string) (T, error) {
		x, err := parse(s)
		if err == nil && x <= low {
			err = fmt.Errorf("is not more than %v", low)
		}
		return x, err
	}
}

// Port binds the number of a TCP or UDP port.
func Port(name string, p *int) Option {
	return Var(name, "integer", p, Between(ParseInt, 1, 65535))
}

// Interval binds the pair interval_sec and interval_nsec that polling inputs have; their sum goes to p.
// every is the default, in whole seconds.
func Interval(p *time.Duration, every int) []Option {
	var sec, nsec int
	sum := func(part *int) func(string) (int, error) {
		return func(s string) (int, error) {
			n, err := Between(ParseInt, 0, 1<<31-1)(s) // no sum overflows
			if err != nil {
				return 0, err
			}
			*part = n
			*p = time.Duration(sec)*time.Second + time.Duration(nsec)
			return n, nil
		}
	}
	var ignored int
	return []Option{
		Var("interval_sec", "integer", &ignored, sum(&sec)).Default(fmt.Sprint(every)).
			Help("Seconds between two rounds of collecting."),
		Var("interval_nsec", "integer", &ignored, sum(&nsec)).Default("0").
			Help("Nanoseconds that are added to interval_sec."),
	}
}
