package gelf

import (
	"errors"
	"math"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
)

func TestRecordsAreWrittenAsGELF(t *testing.T) {
	check := func(k Keys, record, want string) {
		t.Helper()
		for r := range outputtest.Chunk(t, "t", record).Records() {
			got, err := k.Append([]byte("x"), r, event.JSONStyle{})
			if err != nil || string(got) != "x"+want {
				t.Errorf("got  %s, %v\nwant x%s", got, err, want)
			}
		}
	}
	check(Keys{}, `[1700000000.5,{"short_message":"hi","n":-1,"f":1.5,"yes":true,"none":null,"a b":"c","id":7}]`,
		`{"version":"1.1", "short_message":"hi", "_n":-1, "_f":1.500000, "_yes":"true", "_a_b":"c", "timestamp":1700000000.500}`)
	check(Keys{Short: "m", Host: "h", Full: "l", Timestamp: "t", Level: "s"}, `[1,{"m":"hi","h":"box","l":"long","t":5.25,"s":"Warning","level":"x"}]`,
		`{"version":"1.1", "short_message":"hi", "host":"box", "full_message":"long", "timestamp":5.250000, "level":4, "_level":"x"}`)
	check(Keys{}, `[1,{"short_message":"x","m":{"a":1,"b":{"c":"d","e":null}},"list":[1,"two",[3],{"k":1,"v":{"w":2}}]}]`,
		`{"version":"1.1", "short_message":"x", "_m_a":1, "_m_b_c":"d", "_m_b_e":null, "_list":"1, two, 3, k=1 v_w=2", "timestamp":1.000}`)
	check(Keys{}, `[1,{"short_message":"x","level":"5"}]`, `{"version":"1.1", "short_message":"x", "level":5, "timestamp":1.000}`)
	check(Keys{}, `[1,{"short_message":"x","level":null,"timestamp":null}]`, `{"version":"1.1", "short_message":"x", "timestamp":1.000}`)
	check(Keys{}, `[1,{"short_message":"x","level":"error"}]`, `{"version":"1.1", "short_message":"x", "level":"error", "timestamp":1.000}`)
}

func TestNumbersThatJSONCannotHoldAreTexts(t *testing.T) {
	body := event.AppendStr(event.AppendStr(event.AppendMap(nil, 2), "short_message"), "x")
	body = event.AppendFloat(event.AppendStr(body, "v"), math.NaN())
	got, err := (&Keys{}).AppendBody(nil, event.Time{Sec: 1}, body, event.JSONStyle{})
	if want := `{"version":"1.1", "short_message":"x", "_v":"NaN", "timestamp":1.000}`; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestRecordsThatGELFCannotHoldAreRefused(t *testing.T) {
	check := func(record string, want error) {
		t.Helper()
		for r := range outputtest.Chunk(t, "t", record).Records() {
			got, err := (&Keys{}).Append([]byte("x"), r, event.JSONStyle{})
			if !errors.Is(err, want) || string(got) != "x" {
				t.Errorf("%s: %q, %v", record, got, err)
			}
		}
	}
	check(`[1,{"message":"x"}]`, ErrShort)
	check(`[1,{"short_message":null}]`, ErrShort)
	check(`[1,{"short_message":"x","level":-1}]`, errLevel)
	check(`[1,{"short_message":"x","level":{}}]`, errLevel)
}
