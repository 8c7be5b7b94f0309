package multiline

import (
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestTextsEndBetweenTwoCharactersAtTheLimit(t *testing.T) {
	check(t, set(t, 10), "steps", "1. éé\n - é\n2. xééééé\né€€€€\n🙂🙂🙂\nabcdefghi\xe2\x82\n\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
		"1. éé\n -\n (cut)", "2. xééé\n (cut)", "é€€\n (cut)", "🙂🙂\n (cut)", "abcdefghi\n (cut)", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\n (cut)")
}

// Container runtimes split texts between two bytes.
func TestASplitCharacterGoesOnInTheNextRecordAtTheLimit(t *testing.T) {
	check(t, set(t, 10), "cri", "2026-01-02T03:04:05Z stdout P 1234567\xe2\n2026-01-02T03:04:05Z stdout F \x82\xac.", "1234567 (cut)", "€.")
	check(t, set(t, 10), "cri", "2026-01-02T03:04:05Z stdout P 12345678\xe2\n2026-01-02T03:04:05Z stdout F \x82\xac.", "12345678 (cut)", "€.")
}

func TestASplitCharacterOfAPartialMessageGoesOnInTheNextRecordAtTheLimit(t *testing.T) {
	m, err := NewSet(10).Use(plugin.Joining{Partial: true, Content: "log"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	j := m(func(r plugin.Joined) { got = append(got, string(r.Text)) })
	for _, text := range []string{"123456", "78\xf0\x9f", "\x99\x82."} {
		body := event.AppendMap(nil, 3)
		for _, pair := range [][2]string{{"log", text}, {"partial_message", "true"}, {"partial_id", "x"}} {
			body = event.AppendStr(event.AppendStr(body, pair[0]), pair[1])
		}
		j.Add(plugin.Line{Body: body})
	}
	j.Flush(time.Time{})
	if len(got) != 2 || got[0] != "12345678" || got[1] != "🙂." {
		t.Errorf("got %q", got)
	}
}
