package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Decode sets every option's default and then props in their order. It returns all faults at once,
// joined; each is an [*Error].
//
// at names the section for options that are missing.
func Decode(opts []Option, props []Property, at Pos) error {
	var errs []error
	seen := map[string]bool{}
	for _, p := range props {
		if o := find(opts, p.Key); o != nil {
			seen[o.Name] = true
		}
	}
	for _, o := range opts {
		if o.Fallback == "" || o.Repeats && seen[o.Name] {
			continue // what is configured replaces the default instead of being added to it
		}
		if err := o.set(o.Name, Value{Text: o.Fallback}); err != nil {
			panic(fmt.Sprintf("BUG: default %q of option %s %v", o.Fallback, o.Name, err))
		}
	}
	for _, p := range props {
		o := find(opts, p.Key)
		if o == nil {
			errs = append(errs, unknown(opts, p))
			continue
		}
		// A YAML list under a key that takes one value is the key repeated.
		values := []Value{p.Value}
		if p.Value.Kind == KindList && !o.whole {
			values = p.Value.List
		}
		for _, v := range values {
			if err := o.set(p.Key, v); err != nil {
				errs = append(errs, o.fault(v, err))
			}
		}
	}
	for _, o := range opts {
		if o.Needed && !seen[o.Name] {
			errs = append(errs, &Error{Pos: at, Msg: fmt.Sprintf("the property '%s' is missing", o.Name), Cure: "set it: " + o.About})
		}
	}
	return errors.Join(errs...)
}

func unknown(opts []Option, p Property) *Error {
	return &Error{Pos: p.Pos, Msg: fmt.Sprintf("unknown configuration property '%s'", p.Key), Cure: Suggest(p.Key, Names(opts))}
}

// Known parts props into those that opts take and a fault for each of the others, for who goes on without them.
func Known(opts []Option, props []Property) (known []Property, faults []*Error) {
	for _, p := range props {
		if Knows(opts, p.Key) {
			known = append(known, p)
			continue
		}
		faults = append(faults, unknown(opts, p))
	}
	return known, faults
}

func (o *Option) fault(v Value, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err // it knows a better place already
	}
	shown := v.Text
	if o.Masked {
		shown = mask
	}
	e := &Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: '%s' %v", o.Name, shown, err)}
	if len(o.Choices) > 0 && !o.Masked {
		e.Cure = Suggest(v.Text, o.Choices)
	}
	return e
}

func find(opts []Option, key string) *Option {
	for i := range opts {
		o := &opts[i]
		if o.Prefix {
			continue
		}
		if strings.EqualFold(o.Name, key) || slices.ContainsFunc(o.keys, func(k string) bool { return strings.EqualFold(k, key) }) {
			return o
		}
	}
	var best *Option
	for i := range opts {
		o := &opts[i]
		if o.Prefix && len(key) >= len(o.Name) && strings.EqualFold(key[:len(o.Name)], o.Name) && (best == nil || len(o.Name) > len(best.Name)) {
			best = o
		}
	}
	return best
}

// Names lists the keys that opts take.
func Names(opts []Option) []string {
	var names []string
	for _, o := range opts {
		if o.Name != "" {
			names = append(names, o.Name)
		}
	}
	return names
}

// Suggest returns "did you mean 'x'?" for the candidate nearest to word, or "" when none is near.
func Suggest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, limit := "", max(1, min(3, len(word)/3))+1
	for _, c := range candidates {
		if d := distance(word, strings.ToLower(c)); d < limit {
			best, limit = c, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean '" + best + "'?"
}

// distance counts the edits between a and b: insertions, deletions, changes and swaps of neighbours.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var prev2, prev, row [65]int
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev = prev, row
	}
	return prev[len(b)]
}

// CheckOnce returns an error for each option in props that takes one value and was given more, which the
// C Fluent Bit refuses for the options of plugins. Decode lets the last one count.
func CheckOnce(opts []Option, props []Property) error {
	var errs []error
	first := map[string]Pos{}
	for _, p := range props {
		o := find(opts, p.Key)
		if o == nil || o.Repeats {
			continue
		}
		earlier, again := first[o.Name]
		switch {
		case again:
			errs = append(errs, &Error{Pos: p.Pos, Msg: fmt.Sprintf("'%s' is set again, after %v", o.Name, earlier), Cure: "remove one of them"})
		case p.Value.Kind == KindList && !o.whole && len(p.Value.List) > 1:
			errs = append(errs, &Error{Pos: p.Pos, Msg: fmt.Sprintf("'%s' takes one value, not %d", o.Name, len(p.Value.List)), Cure: "remove all but one"})
		}
		first[o.Name] = p.Pos
	}
	return errors.Join(errs...)
}

// Knows reports whether one of opts takes key.
func Knows(opts []Option, key string) bool { return find(opts, key) != nil }
