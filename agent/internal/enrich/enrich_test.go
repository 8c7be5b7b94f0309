package enrich

import (
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func TestAddedFieldsReplaceThoseOfTheirNames(t *testing.T) {
	body, _, _ := event.ParseJSON(nil, []byte(`{"a":1,"b":2,"c":3}`))
	fields := Append(nil, body, []event.Field{Field("x", "y"), Field("b", "new")})
	if got := string(event.AppendJSON(nil, event.AppendMapOf(nil, fields), event.JSONStyle{})); got != `{"a":1,"c":3,"x":"y","b":"new"}` {
		t.Error(got)
	}
}
