package format

import (
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
)

// Date is a value of json_date_format.
type Date uint8

// The date formats. All text is UTC.
const (
	Double           Date = iota // 1700000000.337183: seconds as a number of 16 digits
	ISO8601                      // "2023-11-14T22:13:20.337183Z"
	JavaSQLTimestamp             // "2023-11-14 22:13:20.337183"
	Epoch                        // 1700000000
	EpochMS                      // 1700000000337
)

var dates = map[string]Date{
	"double":             Double,
	"iso8601":            ISO8601,
	"java_sql_timestamp": JavaSQLTimestamp,
	"epoch":              Epoch,
	"epoch_ms":           EpochMS,
	"epoch_millis":       EpochMS,
	"epoch_milliseconds": EpochMS,
}

func parseDate(s string) (Date, error) {
	d, ok := dates[strings.ToLower(s)]
	if !ok {
		return Double, errDate
	}
	return d, nil
}

// AppendJSON appends t as a JSON value.
func (d Date) AppendJSON(dst []byte, t event.Time) []byte {
	switch d {
	case ISO8601:
		return t.Go().AppendFormat(dst, `"2006-01-02T15:04:05.000000Z"`)
	case JavaSQLTimestamp:
		return t.Go().AppendFormat(dst, `"2006-01-02 15:04:05.000000"`)
	case Epoch:
		return strconv.AppendInt(dst, t.Sec, 10)
	case EpochMS:
		return strconv.AppendInt(dst, t.Sec*1000+int64(t.Nsec)/1e6, 10)
	}
	f := Seconds(t)
	if f == math.Trunc(f) {
		return append(strconv.AppendInt(dst, int64(f), 10), ".0"...)
	}
	return strconv.AppendFloat(dst, f, 'g', 16, 64) // as Fluent Bit does; one more digit would be shown without need
}

// Seconds returns t as a number of seconds, good to about a quarter of a microsecond.
func Seconds(t event.Time) float64 { return float64(t.Sec) + float64(t.Nsec)/1e9 }

// AppendSeconds appends t as seconds with the given number of decimals, cut and not rounded: exact with 9.
func AppendSeconds(dst []byte, t event.Time, decimals int) []byte {
	dst = append(strconv.AppendInt(dst, t.Sec, 10), '.')
	at := len(dst)
	dst = append(dst, "000000000"...)
	for i, n := at+8, t.Nsec; i >= at; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst[:at+decimals]
}
