package strftime

import (
	"testing"
	"time"
)

func TestEveryConversionIsWritten(t *testing.T) {
	at := time.Date(2023, 3, 5, 14, 7, 9, 12345678, time.UTC) // a Sunday
	check := func(layout, want string) {
		t.Helper()
		if got := Append(nil, layout, at); string(got) != want {
			t.Errorf("%s: got %q, want %q", layout, got, want)
		}
	}
	check("", "")
	check("plain é", "plain é")
	check("%Y.%m.%d", "2023.03.05")
	check("logs/%Y/%m/%d/%H%M%S", "logs/2023/03/05/140709")
	check("%y %C %e %k %I %l %p %P %j", "23 20  5 14 02  2 PM pm 064")
	check("%-d %-m %_d %-I", "5 3  5 2")
	check("%A %a %B %b %h", "Sunday Sun March Mar Mar")
	check("%u %w %U %W %V %G %g", "7 0 10 09 09 2023 23")
	check("%F %T %R %r", "2023-03-05 14:07:09 14:07 02:07:09 PM")
	check("%D|%x|%X|%c", "03/05/23|03/05/23|14:07:09|Sun Mar  5 14:07:09 2023")
	check("%s %z %Z", "1678025229 +0000 UTC")
	check("%L %f %N", "012 012345 012345678")
	check("%Ey %Od", "23 05")
	check("100%% %n%t%Q %", "100% \n\t%Q %")
}

func TestHoursAreTwelveTwiceADay(t *testing.T) {
	for hour, want := range map[int]string{0: "12 AM", 1: "01 AM", 12: "12 PM", 13: "01 PM", 23: "11 PM"} {
		if got := Append(nil, "%I %p", time.Date(2023, 1, 1, hour, 0, 0, 0, time.UTC)); string(got) != want {
			t.Errorf("%d: got %s, want %s", hour, got, want)
		}
	}
}
