package strptime

import (
	"strings"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

func layout(t testing.TB, format string) *Layout {
	t.Helper()
	l, err := Compile(format)
	if err != nil {
		t.Fatalf("Compile(%q): %v", format, err)
	}
	l.Now = func() time.Time { return time.Date(2024, 3, 5, 10, 0, 0, 0, time.UTC) }
	return l
}

func show(e event.Time, ok bool) string {
	if !ok {
		return "no"
	}
	return e.Go().Format("2006-01-02T15:04:05.999999999Z")
}

func TestEveryConversionReadsItsPart(t *testing.T) {
	f := func(format, text, want string) {
		t.Helper()
		l := layout(t, format)
		if got := show(l.Parse([]byte(text), nil)); got != want {
			t.Errorf("%q on %q: got %s, want %s", format, text, got, want)
		}
	}
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05.678Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-01-02T03:04:05.123456789+02:00", "2024-01-02T01:04:05.123456789Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-01-02T03:04:05.5-0330", "2024-01-02T06:34:05.5Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-12-31T23:59:60.0Z", "2025-01-01T00:00:00Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-12-31T23:59:59.1234567891234Z", "2024-12-31T23:59:59.123456789Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-12-31T23:59:59.Z", "no")
	f("%Y-%m-%dT%H:%M:%S.%LZ", "2024-12-31T23:59:59.25Z", "2024-12-31T23:59:59.25Z")
	f("%a %b %e %H:%M:%S %Y %z", "Tue Mar  5 10:11:12 2024 -0800", "2024-03-05T18:11:12Z")
	f("%A, %B %d %Y", "tuesday, MARCH 05 2024", "2024-03-05T00:00:00Z")
	f("%d/%b/%Y:%H:%M:%S %z", "05/Mar/2024:10:11:12 +0100", "2024-03-05T09:11:12Z")
	f("%s", "1700000000", "2023-11-14T22:13:20Z")
	f("%s.%L", "1700000000.250", "2023-11-14T22:13:20.25Z")
	f("%s", "9999999999999999999", "no")
	f("%y%m%d %I:%M:%S %p", "240305 01:02:03 PM", "2024-03-05T13:02:03Z")
	f("%y%m%d %p %I:%M", "690305 am 12:02", "1969-03-05T00:02:00Z")
	f("%y %H %p", "68 13 PM", "no")
	f("%C%y-%m-%d", "1868-07-01", "1868-07-01T00:00:00Z")
	f("%Y %j", "2024 366", "2024-12-31T00:00:00Z")
	f("%Y-%m", "2024-05", "2024-05-01T00:00:00Z")
	f("%Y", "2024", "2024-01-01T00:00:00Z")
	f("%b %d %T", "  Jan 2 03:04:05", "2024-01-02T03:04:05Z")
	f("%Y %b", " 2024 Jan", "no")
	f("%F %T.%L %z", "2024-03-05 10:11:12.999999 +0900", "2024-03-05T01:11:12.999999Z")
	f("%D %R", "12/31/24 23:59", "2024-12-31T23:59:00Z")
	f("%x %X", "12/31/24 23:59:58", "2024-12-31T23:59:58Z")
	f("%c", "Tue Mar  5 10:11:12 2024", "2024-03-05T10:11:12Z")
	f("%F %r", "2024-03-05 09:10:11 pm", "2024-03-05T21:10:11Z")
	f("%F %k:%M", "2024-03-05  9:10", "2024-03-05T09:10:00Z")
	f("%F %l:%M %p", "2024-03-05  9:10 PM", "2024-03-05T21:10:00Z")
	f("%G-W%V-%u %w %U %W %g %F", "2024-W10-2 2 09 10 24 2024-03-05", "2024-03-05T00:00:00Z")
	f("%EY-%Om-%Od", "2024-03-05", "2024-03-05T00:00:00Z")
	f("%F%n%T%%", "2024-03-05 \t 10:11:12%", "2024-03-05T10:11:12Z")
	f("%F %T", "2024-03-05 10:11:12 and more", "2024-03-05T10:11:12Z")
	f("%F %T", "2024-03-05 10:11", "no")
	f("%F %T", "2024-03-05 24:11:12", "no")
	f("%F %T", "2024-13-05 10:11:12", "no")
	f("%Y-%m-%d", "2024-3-5", "2024-03-05T00:00:00Z")
	f("%Y %d %H", "2024 45", "2024-01-04T05:00:00Z")
	f("%F %H%M%S", "2024-03-05 7:8", "no")
	f("%F %H:%M:%S", "2024-03-05 7:8:9", "2024-03-05T07:08:09Z")
	f("%F", "2024-02-30", "2024-03-01T00:00:00Z")
	f("%F", "0000-01-01", "0000-01-01T00:00:00Z")
}

func TestZonesAreReadByOffsetAndByName(t *testing.T) {
	f := func(conv, zone, want string) {
		t.Helper()
		if got := show(layout(t, "%F %T "+conv).Parse([]byte("2024-03-05 12:00:00 "+zone), nil)); got != want {
			t.Errorf("%s on %q: got %s, want %s", conv, zone, got, want)
		}
	}
	const noon = "2024-03-05T12:00:00Z"
	for _, z := range []string{"Z", "UT", "UTC", "GMT", "+0000", "-00:00", "+00"} {
		f("%z", z, noon)
	}
	f("%z", "+05:30", "2024-03-05T06:30:00Z")
	f("%z", "-08", "2024-03-05T20:00:00Z")
	f("%z", "pdt", "2024-03-05T19:00:00Z")
	f("%z", "EST", "2024-03-05T17:00:00Z")
	f("%z", "CET", "no")
	f("%z", "+1", "no")
	f("%z", "+013", "no")
	f("%z", "", "no")
	f("%Z", "IST", "2024-03-05T06:30:00Z")
	f("%Z", "cst", "2024-03-05T18:00:00Z")
	f("%Z", "CEST]", "2024-03-05T10:00:00Z")
	f("%Z", "K", "2024-03-05T02:00:00Z")
	f("%Z", "NPT", "2024-03-05T06:15:00Z")
	f("%Z", "UTC+2", noon)
	f("%Z", "XYZQ", "no")
}

func TestATimeWithoutZoneIsReadInTheOneGiven(t *testing.T) {
	ny, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip(err)
	}
	f := func(format, text string, zone *time.Location, offset int, want string) {
		t.Helper()
		l := layout(t, format)
		l.Zone, l.Offset = zone, offset
		if got := show(l.Parse([]byte(text), nil)); got != want {
			t.Errorf("%q on %q: got %s, want %s", format, text, got, want)
		}
	}
	f("%F %T", "2024-01-15 12:00:00", ny, 0, "2024-01-15T17:00:00Z")
	f("%F %T", "2024-07-15 12:00:00", ny, 0, "2024-07-15T16:00:00Z")
	f("%F %T", "2024-03-05 10:11:12", nil, -(5*3600 + 30*60), "2024-03-05T15:41:12Z")
	f("%F %T %z", "2024-03-05 10:11:12 +0100", ny, 7200, "2024-03-05T09:11:12Z")
	f("%Y-%m-%dT%H:%M:%SZ", "2024-03-05T10:11:12Z", ny, 7200, "2024-03-05T10:11:12Z")
	f("%s", "1700000000", ny, 7200, "2023-11-14T22:13:20Z")
}

func TestClocksThatAreSetBackShowATimeTwice(t *testing.T) {
	f := func(zone, text, want string) {
		t.Helper()
		l := layout(t, "%Y-%m-%d %H:%M")
		var err error
		if l.Zone, err = time.LoadLocation(zone); err != nil {
			t.Fatal(err)
		}
		if got := show(l.Parse([]byte(text), nil)); got != want {
			t.Errorf("%s in %s: got %s, want %s", text, zone, got, want)
		}
	}
	f("Europe/Berlin", "2024-10-27 01:59", "2024-10-26T23:59:00Z")
	f("Europe/Berlin", "2024-10-27 02:30", "2024-10-27T00:30:00Z") // the first time
	f("Europe/Berlin", "2024-10-27 03:00", "2024-10-27T02:00:00Z")
	f("America/New_York", "2024-11-03 01:30", "2024-11-03T05:30:00Z")
	f("Europe/Berlin", "2024-03-31 01:59", "2024-03-31T00:59:00Z")
	f("Europe/Berlin", "2024-03-31 02:30", "2024-03-31T01:30:00Z") // never: the clock was not set yet
	f("Europe/Berlin", "2024-03-31 03:00", "2024-03-31T01:00:00Z")
	f("America/New_York", "2024-03-10 02:30", "2024-03-10T07:30:00Z")
	f("Asia/Kolkata", "2024-03-10 02:30", "2024-03-09T21:00:00Z")
}

func TestADateWithoutYearIsOfTheYearThatFits(t *testing.T) {
	f := func(now, format, text, want string) {
		t.Helper()
		l := layout(t, format)
		l.Now = func() time.Time { n, _ := time.Parse(time.DateOnly, now); return n }
		var c Cache
		for range 2 { // the second time from the cache
			if got := show(l.Parse([]byte(text), &c)); got != want {
				t.Errorf("on %s, %q on %q: got %s, want %s", now, format, text, got, want)
			}
		}
	}
	const syslog = "%b %d %H:%M:%S"
	f("2024-03-05", syslog, "Feb  5 10:11:12", "2024-02-05T10:11:12Z")
	f("2024-03-05", syslog, "Nov 30 10:11:12", "2024-11-30T10:11:12Z")
	f("2025-01-01", syslog, "Dec 31 23:59:59", "2024-12-31T23:59:59Z")
	f("2024-12-31", syslog, "Jan  1 00:00:01", "2025-01-01T00:00:01Z")
	f("2024-12-31", syslog, "Jan 31 00:00:01", "2024-01-31T00:00:01Z")
	f("2024-02-29", "%H:%M:%S", "10:11:12", "2024-02-29T10:11:12Z")
	f("2024-02-29", "%d %H:%M", "03 10:11", "2024-02-03T10:11:00Z")
}

func TestTheCacheForgetsTodayAtMidnight(t *testing.T) {
	l := layout(t, "%H:%M:%S")
	now := time.Date(2024, 2, 29, 23, 0, 0, 0, time.UTC)
	l.Now = func() time.Time { return now }
	var c Cache
	l.Parse([]byte("10:11:12"), &c)
	now = now.Add(2 * time.Hour)
	if got := show(l.Parse([]byte("10:11:12"), &c)); got != "2024-03-01T10:11:12Z" {
		t.Error("got", got)
	}
}

func TestAPartialLayoutTakesWhatFits(t *testing.T) {
	f := func(format, text, want string) {
		t.Helper()
		l := layout(t, format)
		l.Partial = true
		if got := show(l.Parse([]byte(text), nil)); got != want {
			t.Errorf("%q on %q: got %s, want %s", format, text, got, want)
		}
	}
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-05-06", "2024-05-06T00:00:00Z")
	f("%Y-%m-%dT%H:%M:%S.%L%z", "2024-05-06T07:08:09.5", "2024-05-06T07:08:09.5Z")
	f("%Y-%m-%dT%H:%M:%S", "yesterday", "no")
	f("%d/%m/%Y", "06/05", "no")
}

func TestTheCacheAnswersAsParsingDoes(t *testing.T) {
	texts := []string{
		"2024-05-06T07:08:09.5Z", "2024-05-06T07:08:09.123456Z", "2024-05-06T07:08:09.1+01:00", "2024-05-06T07:08:09.Z",
		"2024-05-06T07:08:09.2", "2024-05-06T07:08:10.2Z", "2024-05-06T07:08:10.2Z trailing", "", "2024",
		strings.Repeat("2", 100), "2024-05-06T07:08:10.2Z" + strings.Repeat(" ", 60),
		"2024-05-06T07:08:59.2Z", "2024-05-06T07:08:60.2Z", "2024-05-06T07:08:61.2Z", "2024-05-06T07:08:00.2Z", "2024-05-06T07:08:7.2Z",
		"2024-05-06T07:08:5", "2024-05-06T07:08:59", "2024-05-06T07:08:07", "2024-05-06T07:08:0x", "2024-05-06T07:09:07", "2024-05-06T07:08:",
		"59 2024-05-06T07:08", "07 2024-05-06T07:08", "07 2024-05-06T07:09", "7 2024-05-06T07:09",
	}
	for _, format := range []string{"%Y-%m-%dT%H:%M:%S.%L%z", "%Y-%m-%dT%H:%M:%S", "%S %Y-%m-%dT%H:%M"} {
		l := layout(t, format)
		var c Cache
		for _, text := range append(texts, texts...) {
			want := show(l.Parse([]byte(text), nil))
			for range 2 {
				if got := show(l.Parse([]byte(text), &c)); got != want {
					t.Errorf("%q on %q: cached %s, parsed %s", format, text, got, want)
				}
			}
		}
	}
}

func TestABadFormatIsRefused(t *testing.T) {
	f := func(format, want string) {
		t.Helper()
		if _, err := Compile(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Compile(%q): got %v, want %q", format, err, want)
		}
	}
	f("", "is empty")
	f("%Y-%q", "unknown conversion %q")
	f("%Y.%f", "a fraction of a second is %L")
	f("%Y %", "ends within")
	f("%Y %E", "ends within")
	f("%L %L", "twice")
}

func TestOffsetsAreRead(t *testing.T) {
	f := func(s string, want int, good bool) {
		t.Helper()
		if got, err := ParseOffset(s); got != want || (err == nil) != good {
			t.Errorf("ParseOffset(%q) = %d, %v", s, got, err)
		}
	}
	f("+0530", 19800, true)
	f("-05:30", -19800, true)
	f("+02", 7200, true)
	f("Z", 0, true)
	f("0", 0, true)
	f("+05301", 0, false)
	f("0530", 0, false)
	f("+9900", 0, false)
	f("Europe/Berlin", 0, false)
}

func TestParsingDoesNotAllocate(t *testing.T) {
	for format, text := range map[string]string{
		"%Y-%m-%dT%H:%M:%S.%L%z": "2024-05-06T07:08:09.123456789+02:00",
		"%d/%b/%Y:%H:%M:%S %z":   "05/Mar/2024:10:11:12 +0100",
		"%b %d %H:%M:%S":         "Mar  5 10:11:12",
		"%F %T %Z":               "2024-03-05 10:11:12 CEST",
	} {
		l, b := layout(t, format), []byte(text)
		var c Cache
		if n := testing.AllocsPerRun(100, func() { l.Parse(b, nil); l.Parse(b, &c) }); n != 0 {
			t.Errorf("%s: %v allocations", format, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("%Y-%m-%dT%H:%M:%S.%L%z", "2024-05-06T07:08:09.123456789+02:00")
	f.Add("%a %b %e %k:%l:%S %p %y %C %Z", "Tue Mar  5 10:11:12 pm 24 20 IST")
	f.Add("%s.%L", "1700000000.5")
	f.Fuzz(func(t *testing.T, format, text string) {
		l, err := Compile(format)
		if err != nil {
			return
		}
		l.Now = func() time.Time { return time.Unix(1700000000, 0) }
		var c Cache
		t1, ok1 := l.Parse([]byte(text), &c)
		t2, ok2 := l.Parse([]byte(text), &c)
		if ok1 != ok2 || ok1 && t1 != t2 {
			t.Fatalf("%q on %q: %v %v, then %v %v", format, text, t1, ok1, t2, ok2)
		}
		if t1.Nsec > 999_999_999 {
			t.Fatalf("%d ns", t1.Nsec)
		}
		l.Partial = true
		if t3, ok := l.Parse([]byte(text), nil); ok1 && (!ok || t3 != t1) {
			t.Fatalf("a whole match changes when partial ones are allowed: %v, %v", t1, t3)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	run := func(name, format, text string, c *Cache) {
		b.Run(name, func(b *testing.B) {
			l, s := layout(b, format), []byte(text)
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := l.Parse(s, c); !ok {
					b.Fatal("no time")
				}
			}
		})
	}
	run("iso", "%Y-%m-%dT%H:%M:%S.%L%z", "2024-05-06T07:08:09.123456789Z", nil)
	run("iso-cached", "%Y-%m-%dT%H:%M:%S.%L%z", "2024-05-06T07:08:09.123456789Z", &Cache{})
	run("apache", "%d/%b/%Y:%H:%M:%S %z", "05/Mar/2024:10:11:12 +0100", nil)
	run("apache-cached", "%d/%b/%Y:%H:%M:%S %z", "05/Mar/2024:10:11:12 +0100", &Cache{})
	run("syslog-cached", "%b %d %H:%M:%S", "Mar  5 10:11:12", &Cache{})
}
