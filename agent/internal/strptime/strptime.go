// Package strptime reads times by the formats of Fluent Bit's Time_Format: those of strptime(3) in the C
// locale, as the BSDs have them, and %L for a fraction of a second.
//
// A format is compiled once. Reading allocates nothing.
package strptime

import (
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// Layout is a compiled format. Its fields may be set until it is first used; then it is read-only and may
// be shared.
type Layout struct {
	Zone    *time.Location   // of times that name none; nil is UTC
	Offset  int              // seconds east of UTC, for times that name no zone; when not 0, Zone does not count
	Partial bool             // a text that fits the beginning of the format only is good enough
	Now     func() time.Time // supplies what the text leaves out of the date; nil is time.Now

	ops    []op
	zoned  bool // the format says which zone it is: %z, %Z, %s or a final Z
	dated  bool // the format has a year
	locals []localZone
}

// Zoned reports whether the format itself tells the zone, so that Zone and Offset do not matter.
func (l *Layout) Zoned() bool { return l.zoned }

// fields is what has been read of one text.
type fields struct {
	year, month, day, yday, hour, min, sec int // month from 1, yday from 0
	century, short                         int // of %C and %y
	offset                                 int // seconds east
	epoch                                  int64
	nsec                                   uint32
	secAt                                  int // the two digits of %S
	fracAt, fracEnd                        int // the digits of %L
	has                                    seen
}

// seen marks the fields that the text had.
type seen uint16

const (
	hasYear seen = 1 << iota
	hasMonth
	hasDay
	hasYday
	hasCentury
	hasShort
	hasOffset
	hasEpoch
	hasAM
	hasPM
)

// Parse reads the time at the beginning of text; what follows it does not matter. c, which may be nil,
// remembers the last text for the lines of the same second that usually come next; it belongs to this
// layout and to one caller at a time.
func (l *Layout) Parse(text []byte, c *Cache) (t event.Time, ok bool) {
	var now time.Time
	var today int64
	if !l.dated {
		now = l.now()
		today = now.Unix() / 86400
	}
	if c != nil {
		if t, ok = c.lookup(text, today); ok { // fast path: the same second as before
			return t, true
		}
	}
	f := fields{secAt: -1, fracAt: -1}
	whole := l.scan(&f, text)
	if !whole && !l.Partial {
		return event.Time{}, false
	}
	t, ok = l.resolve(&f, now)
	if whole && ok && c != nil {
		c.store(text, &f, t, today)
	}
	return t, ok
}

func (l *Layout) now() time.Time {
	if l.Now != nil {
		return l.Now().UTC()
	}
	return time.Now().UTC()
}

// resolve turns what was read into a time. It fails when a text of a layout with a year did not get as far
// as the year, or when the hour does not go with am or pm.
func (l *Layout) resolve(f *fields, now time.Time) (event.Time, bool) {
	if f.has&hasEpoch != 0 {
		return event.Time{Sec: f.epoch, Nsec: f.nsec}, true
	}
	if !f.clock() {
		return event.Time{}, false
	}
	if f.has&hasShort != 0 {
		f.year = f.shortYear()
		f.has |= hasYear
	}
	if f.has&hasYear == 0 && l.dated {
		return event.Time{}, false
	}
	if f.has&hasYear == 0 {
		f.thisYear(now)
	} else {
		f.startOfYear()
	}
	days := daysUntil(f.year, f.month, f.day)
	if f.has&hasYday != 0 && f.has&(hasMonth|hasDay) != hasMonth|hasDay {
		days = daysUntil(f.year, 1, 1) + int64(f.yday)
	}
	sec := days*86400 + int64(f.hour*3600+f.min*60+f.sec)
	switch {
	case f.has&hasOffset != 0:
		sec -= int64(f.offset)
	case l.zoned: // a final Z
	case l.Offset != 0:
		sec -= int64(l.Offset)
	case l.Zone != nil:
		sec = inZone(sec, l.Zone)
	}
	return event.Time{Sec: sec, Nsec: f.nsec}, true
}

// inZone returns the time at which clocks in the zone show what clocks in UTC show at sec. Of the two such times
// when clocks are set back it is the first; when they are set forward and never show it, they are taken not
// to have been set yet.
func inZone(sec int64, zone *time.Location) int64 {
	const day = 86400
	before, after := offsetAt(sec-day, zone), offsetAt(sec+day, zone)
	if before != after && offsetAt(sec-before, zone) != before && offsetAt(sec-after, zone) == after {
		return sec - after
	}
	return sec - before
}

func offsetAt(sec int64, zone *time.Location) int64 {
	_, offset := time.Unix(sec, 0).In(zone).Zone()
	return int64(offset)
}

// clock applies am and pm, wherever they stood.
func (f *fields) clock() bool {
	if f.has&(hasAM|hasPM) == 0 {
		return true
	}
	if f.hour > 12 {
		return false
	}
	f.hour %= 12
	if f.has&hasPM != 0 {
		f.hour += 12
	}
	return true
}

// shortYear is POSIX's reading of two digits: 69 to 99 are of the 20th century unless %C says otherwise.
func (f *fields) shortYear() int {
	switch {
	case f.has&hasCentury != 0:
		return f.century*100 + f.short
	case f.short <= 68:
		return 2000 + f.short
	}
	return 1900 + f.short
}

// startOfYear fills in what a date with a year leaves out.
func (f *fields) startOfYear() {
	if f.has&hasMonth == 0 {
		f.month = 1
	}
	if f.has&hasDay == 0 {
		f.day = 1
	}
}

// thisYear fills in what a date without a year leaves out: it is today's. Between the years, a line of
// December that is read in January is of the year before, and a clock or zone that is ahead may already
// write January in December.
func (f *fields) thisYear(now time.Time) {
	y, m, d := now.Date()
	f.year = y
	if f.has&hasMonth == 0 {
		f.month = int(m)
	}
	if f.has&hasDay == 0 {
		f.day = d
	}
	if f.has&hasMonth == 0 {
		return
	}
	switch {
	case m == time.January && f.month == 12:
		f.year--
	case m == time.December && d == 31 && f.month == 1 && f.day == 1:
		f.year++
	}
}

// daysUntil counts the days from 1970-01-01 to a date of the Gregorian calendar; a day beyond the month's
// end counts on into the next. The years are shifted to begin in March, so that the leap day comes last.
func daysUntil(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return int64(era*146097+yoe*365+yoe/4-yoe/100+doy) - 719468
}

// Cache remembers the last text that a [Layout] read and its second. The zero Cache is empty.
type Cache struct {
	text            [64]byte
	n               int
	secAt           int // the seconds' two digits, or -1
	fracAt, fracEnd int // the fraction's digits, or -1
	sec             int64
	nsec            uint32
	today           int64
}

// lookup answers when text differs from the last one in nothing but the digits of the seconds and of the
// fraction.
func (c *Cache) lookup(text []byte, today int64) (event.Time, bool) {
	if c.n == 0 || c.today != today || len(text) <= c.fracAt {
		return event.Time{}, false
	}
	sec, from := c.sec, 0 // from: what stands before it is as in the last text
	if at := c.secAt; at >= 0 && len(text) >= at+2 {
		tens, ones := text[at]-'0', text[at+1]-'0'
		if tens > 5 || ones > 9 || string(text[:at]) != string(c.text[:at]) {
			return event.Time{}, false
		}
		from = at + 2
		sec += int64(tens)*10 + int64(ones) - int64(c.text[at]-'0')*10 - int64(c.text[at+1]-'0')
	}
	if c.fracAt < 0 {
		return event.Time{Sec: sec, Nsec: c.nsec}, string(text[from:]) == string(c.text[from:c.n])
	}
	if string(text[from:c.fracAt]) != string(c.text[from:c.fracAt]) {
		return event.Time{}, false
	}
	nsec, end, ok := fraction(text, c.fracAt)
	if !ok || string(text[end:]) != string(c.text[c.fracEnd:c.n]) {
		return event.Time{}, false
	}
	return event.Time{Sec: sec, Nsec: nsec}, true
}

func (c *Cache) store(text []byte, f *fields, t event.Time, today int64) {
	if len(text) > len(c.text) {
		return
	}
	c.n = copy(c.text[:], text)
	c.secAt, c.fracAt, c.fracEnd = f.secAt, f.fracAt, f.fracEnd
	if f.sec > 59 || f.has&hasEpoch != 0 || f.fracAt >= 0 && f.fracAt < f.secAt {
		c.secAt = -1
	}
	c.sec, c.nsec, c.today = t.Sec, t.Nsec, today
}
