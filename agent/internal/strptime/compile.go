package strptime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// op is one step of a compiled format.
type op struct {
	code   opcode
	lit    string // opLiteral
	lo, hi int    // the range of a number
}

type opcode uint8

const (
	opLiteral opcode = iota
	opSpace
	opYear
	opShortYear
	opCentury
	opMonth
	opMonthName
	opDay
	opDayName
	opYday
	opHour
	opMinute
	opSecond
	opFraction
	opEpoch
	opAMPM
	opOffset
	opZoneName
	opIgnored // a number that is checked and says nothing new, such as the week
	opDigits  // any digits
)

// numbers are the conversions that read a number.
var numbers = map[byte]op{
	'C': {opCentury, "", 0, 99},
	'd': {opDay, "", 1, 31},
	'g': {opIgnored, "", 0, 99},
	'H': {opHour, "", 0, 23},
	'I': {opHour, "", 1, 12},
	'j': {opYday, "", 1, 366},
	'M': {opMinute, "", 0, 59},
	'm': {opMonth, "", 1, 12},
	'S': {opSecond, "", 0, 60},
	'U': {opIgnored, "", 0, 53},
	'u': {opIgnored, "", 1, 7},
	'V': {opIgnored, "", 0, 53},
	'W': {opIgnored, "", 0, 53},
	'w': {opIgnored, "", 0, 6},
	'Y': {opYear, "", 0, 9999},
	'y': {opShortYear, "", 0, 99},
}

// words are the conversions that read something else.
var words = map[byte]opcode{
	'A': opDayName, 'a': opDayName,
	'B': opMonthName, 'b': opMonthName, 'h': opMonthName,
	'G': opDigits,
	'L': opFraction,
	'n': opSpace, 't': opSpace,
	'p': opAMPM,
	's': opEpoch,
	'Z': opZoneName, 'z': opOffset,
}

// blanks are the numbers that may be padded with a blank.
var blanks = map[byte]byte{'e': 'd', 'k': 'H', 'l': 'I'}

// short stands for a longer format, that of the C locale.
var short = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y",
	'D': "%m/%d/%y",
	'F': "%Y-%m-%d",
	'R': "%H:%M",
	'r': "%I:%M:%S %p",
	'T': "%H:%M:%S",
	'X': "%H:%M:%S",
	'x': "%m/%d/%y",
}

// Compile reads a format. The error says which conversion is unknown; it fits behind "the format …".
func Compile(format string) (*Layout, error) {
	l := &Layout{}
	if !strings.Contains(format, "%Y") && !strings.Contains(format, "%y") {
		l.add(op{code: opSpace}) // Fluent Bit reads such a time behind the year and a blank
	}
	head := len(l.ops)
	if err := l.compile(format); err != nil {
		return nil, err
	}
	if len(l.ops) == head {
		return nil, errors.New("is empty")
	}
	l.zoned = l.zoned || strings.Contains(format, "%SZ") || strings.Contains(format, "%S.%LZ")
	fractions := 0
	for _, o := range l.ops {
		switch o.code {
		case opFraction:
			fractions++
		case opOffset:
			l.zoned = true
		case opZoneName:
			l.zoned = true
			l.locals = localZones()
		case opEpoch:
			l.zoned, l.dated = true, true
		case opYear, opShortYear:
			l.dated = true
		}
	}
	if fractions > 1 {
		return nil, errors.New("has %L twice; a time has one fraction")
	}
	return l, nil
}

func (l *Layout) compile(format string) error {
	for i := 0; i < len(format); i++ {
		c := format[i]
		if isSpace(c) {
			l.add(op{code: opSpace})
			continue
		}
		if c != '%' {
			l.literal(format[i : i+1])
			continue
		}
		i++
		for i < len(format) && (format[i] == 'E' || format[i] == 'O') {
			i++ // the C locale has no other forms
		}
		if i == len(format) {
			return errors.New("ends within a conversion; write %% for a percent sign")
		}
		if err := l.conversion(format[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *Layout) conversion(c byte) error {
	if n, ok := blanks[c]; ok {
		l.add(op{code: opSpace})
		c = n
	}
	if o, ok := numbers[c]; ok {
		l.add(o)
		return nil
	}
	if code, ok := words[c]; ok {
		l.add(op{code: code})
		return nil
	}
	if long, ok := short[c]; ok {
		return l.compile(long)
	}
	switch c {
	case '%':
		l.literal("%")
		return nil
	case 'f', 'N':
		return fmt.Errorf("has the unknown conversion %%%c; a fraction of a second is %%L", c)
	}
	return fmt.Errorf("has the unknown conversion %%%c; write %%%% for a percent sign", c)
}

// literal joins neighbours, so that they are compared at once.
func (l *Layout) literal(s string) {
	if n := len(l.ops); n > 0 && l.ops[n-1].code == opLiteral {
		l.ops[n-1].lit += s
		return
	}
	l.add(op{code: opLiteral, lit: s})
}

func (l *Layout) add(o op) { l.ops = append(l.ops, o) }

// localZone is a name that the machine's own zone has for itself, in winter or in summer.
type localZone struct {
	name   string
	offset int
}

func localZones() []localZone {
	var zs []localZone
	year := time.Now().Year()
	for _, m := range []time.Month{time.January, time.July} {
		name, offset := time.Date(year, m, 1, 12, 0, 0, 0, time.Local).Zone()
		zs = append(zs, localZone{name, offset})
	}
	return zs
}

// ParseOffset reads Fluent Bit's Time_Offset, the seconds east of UTC: Z, +hhmm, -hh:mm or +hh.
func ParseOffset(s string) (int, error) {
	if s == "Z" || s == "0" || s == "" {
		return 0, nil
	}
	b := []byte(s)
	if b[0] == '+' || b[0] == '-' {
		if off, end, ok := signedOffset(b, 0); ok && end == len(b) && off > -86400 && off < 86400 {
			return off, nil
		}
	}
	return 0, errors.New("is no offset from UTC; write +hhmm, -hh:mm or Z")
}
