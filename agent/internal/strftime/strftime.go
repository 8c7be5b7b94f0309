// Package strftime writes times by the conversions of POSIX strftime, in the C locale.
package strftime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Append appends t as layout says. What is no conversion stands for itself. Besides POSIX it knows %L
// (milliseconds), %f (microseconds) and %N (nanoseconds), %s (seconds since 1970), and GNU's %-d and %_d for
// numbers without padding or padded by blanks.
func Append(dst []byte, layout string, t time.Time) []byte {
	for {
		i := strings.IndexByte(layout, '%')
		if i < 0 || i == len(layout)-1 {
			return append(dst, layout...)
		}
		dst = append(dst, layout[:i]...)
		conversion := layout[i+1:]
		pad := byte(0)
		if len(conversion) > 1 && (conversion[0] == '-' || conversion[0] == '_') {
			pad, conversion = conversion[0], conversion[1:]
		} else if len(conversion) > 1 && (conversion[0] == 'E' || conversion[0] == 'O') {
			conversion = conversion[1:] // other numerals, which the C locale does not have
		}
		dst = appendConversion(dst, conversion[0], pad, t)
		layout = conversion[1:]
	}
}

// layouts are the conversions that package time has.
var layouts = map[byte]string{
	'A': "Monday", 'a': "Mon", 'B': "January", 'b': "Jan", 'h': "Jan", 'Z': "MST", 'z': "-0700", 'p': "PM", 'P': "pm",
	'F': "2006-01-02", 'D': "01/02/06", 'x': "01/02/06", 'T': "15:04:05", 'X': "15:04:05", 'R': "15:04", 'r': "03:04:05 PM",
	'c': "Mon Jan _2 15:04:05 2006",
}

func appendConversion(dst []byte, c, pad byte, t time.Time) []byte {
	if l, ok := layouts[c]; ok {
		return t.AppendFormat(dst, l)
	}
	n, width, fill := number(c, t)
	switch {
	case width < 0:
		return appendOther(dst, c, t)
	case pad == '-':
		return strconv.AppendInt(dst, int64(n), 10)
	case pad == '_' || fill == ' ':
		return fmt.Appendf(dst, "%*d", width, n)
	}
	return fmt.Appendf(dst, "%0*d", width, n)
}

// number returns the value of a conversion that is a number, its width and padding; width is negative when
// c is none.
func number(c byte, t time.Time) (n, width int, fill byte) {
	switch c {
	case 'Y':
		return t.Year(), 4, '0'
	case 'y':
		return t.Year() % 100, 2, '0'
	case 'C':
		return t.Year() / 100, 2, '0'
	case 'm':
		return int(t.Month()), 2, '0'
	case 'd':
		return t.Day(), 2, '0'
	case 'e':
		return t.Day(), 2, ' '
	case 'H':
		return t.Hour(), 2, '0'
	case 'k':
		return t.Hour(), 2, ' '
	case 'I':
		return (t.Hour()+11)%12 + 1, 2, '0'
	case 'l':
		return (t.Hour()+11)%12 + 1, 2, ' '
	case 'M':
		return t.Minute(), 2, '0'
	case 'S':
		return t.Second(), 2, '0'
	case 'j':
		return t.YearDay(), 3, '0'
	case 'u':
		return (int(t.Weekday())+6)%7 + 1, 1, '0'
	case 'w':
		return int(t.Weekday()), 1, '0'
	case 'U':
		return (t.YearDay() + 6 - int(t.Weekday())) / 7, 2, '0'
	case 'W':
		return (t.YearDay() + 6 - (int(t.Weekday())+6)%7) / 7, 2, '0'
	case 'V':
		_, week := t.ISOWeek()
		return week, 2, '0'
	case 'G':
		year, _ := t.ISOWeek()
		return year, 4, '0'
	case 'g':
		year, _ := t.ISOWeek()
		return year % 100, 2, '0'
	case 'L':
		return t.Nanosecond() / 1e6, 3, '0'
	case 'f':
		return t.Nanosecond() / 1e3, 6, '0'
	case 'N':
		return t.Nanosecond(), 9, '0'
	}
	return 0, -1, 0
}

func appendOther(dst []byte, c byte, t time.Time) []byte {
	switch c {
	case 's':
		return strconv.AppendInt(dst, t.Unix(), 10)
	case 'n':
		return append(dst, '\n')
	case 't':
		return append(dst, '\t')
	case '%':
		return append(dst, '%')
	}
	return append(dst, '%', c)
}
