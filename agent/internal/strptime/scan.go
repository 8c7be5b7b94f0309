package strptime

// scan reads s by the layout's steps, as far as they fit, and reports whether all did.
func (l *Layout) scan(f *fields, s []byte) bool {
	i := 0
	for k := range l.ops {
		o := &l.ops[k]
		if o.code == opSpace {
			i = skipSpace(s, i)
			continue
		}
		if i >= len(s) {
			return false
		}
		next, ok := 0, false
		switch o.code {
		case opLiteral:
			next = i + len(o.lit)
			ok = next <= len(s) && string(s[i:next]) == o.lit
		case opFraction:
			f.nsec, next, ok = fraction(s, i)
			f.fracAt, f.fracEnd = i, next
		case opMonthName, opDayName, opAMPM:
			next, ok = f.word(o.code, s, i)
		case opOffset, opZoneName:
			next, ok = l.zone(f, o.code, s, i)
		case opEpoch:
			f.epoch, next, ok = epoch(s, i)
			f.has |= hasEpoch
		case opDigits:
			for next = i; next < len(s) && isDigit(s[next]); next++ {
			}
			ok = next > i
		default:
			var n int
			if n, next, ok = number(s, i, o.lo, o.hi); ok {
				f.set(o.code, n)
				if o.code == opSecond && next == i+2 {
					f.secAt = i
				}
			}
		}
		if !ok {
			return false
		}
		i = next
	}
	return true
}

func (f *fields) set(code opcode, n int) {
	switch code {
	case opYear:
		f.year = n
		f.has = f.has&^hasShort | hasYear
	case opShortYear:
		f.short = n
		f.has |= hasShort
	case opCentury:
		f.century = n
		f.has |= hasCentury
	case opMonth:
		f.month = n
		f.has |= hasMonth
	case opDay:
		f.day = n
		f.has |= hasDay
	case opYday:
		f.yday = n - 1
		f.has |= hasYday
	case opHour:
		f.hour = n
	case opMinute:
		f.min = n
	case opSecond:
		f.sec = n
	}
}

func (f *fields) word(code opcode, s []byte, i int) (next int, ok bool) {
	switch code {
	case opMonthName:
		n, next := name(s, i, months[:])
		if n < 0 {
			return i, false
		}
		f.set(opMonth, n+1)
		return next, true
	case opDayName:
		n, next := name(s, i, weekdays[:])
		return next, n >= 0
	}
	switch {
	case hasFold(s[i:], "am"):
		f.has = f.has&^hasPM | hasAM
	case hasFold(s[i:], "pm"):
		f.has = f.has&^hasAM | hasPM
	default:
		return i, false
	}
	return i + 2, true
}

// number reads at most as many digits as hi has, and stops before a digit that would lead beyond hi: 45
// as a day of the month is 4, and 5 is left.
func number(s []byte, i, lo, hi int) (n, next int, ok bool) {
	if hi >= 10 && hi < 100 && len(s)-i >= 2 { // fast path: two digits
		tens, ones := s[i]-'0', s[i+1]-'0'
		if n = int(tens)*10 + int(ones); tens <= 9 && ones <= 9 && int(tens)*10 <= hi {
			return n, i + 2, lo <= n && n <= hi
		}
		n = 0
	}
	start := i
	for width := hi; i < len(s) && isDigit(s[i]) && width > 0 && (i == start || n*10 <= hi); width /= 10 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, i, i > start && lo <= n && n <= hi
}

// epoch reads seconds since 1970, 18 digits at most.
func epoch(s []byte, i int) (n int64, next int, ok bool) {
	start := i
	for ; i < len(s) && isDigit(s[i]); i++ {
		if i-start == 18 {
			return 0, i, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, i, i > start
}

// fraction reads the digits of a fraction of a second; those beyond nanoseconds are passed over.
func fraction(s []byte, i int) (nsec uint32, next int, ok bool) {
	start, unit := i, uint32(100_000_000)
	for ; i < len(s) && isDigit(s[i]); i++ {
		nsec += uint32(s[i]-'0') * unit
		unit /= 10
	}
	return nsec, i, i > start
}

var (
	months = [...]string{"january", "february", "march", "april", "may", "june", "july", "august",
		"september", "october", "november", "december"}
	weekdays = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

// name finds the name, whole or its first three letters, that stands at s[i:], or returns -1.
func name(s []byte, i int, names []string) (n, next int) {
	if len(s)-i < 3 {
		return -1, i
	}
	a, b, c := s[i]|0x20, s[i+1]|0x20, s[i+2]|0x20
	for n, w := range names {
		if w[0] != a || w[1] != b || w[2] != c {
			continue
		}
		if hasFold(s[i:], w) {
			return n, i + len(w)
		}
		return n, i + 3
	}
	return -1, i
}

// hasFold reports whether s begins with word, which is in lower case.
func hasFold(s []byte, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := range len(word) {
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

func skipSpace(s []byte, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isSpace(c byte) bool { return c == ' ' || c-'\t' <= '\r'-'\t' }
