package null

import (
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/outputtest"
	"github.com/fluent/fluent-bit-go/event"
)

func TestEveryFormatAndSignalIsTaken(t *testing.T) {
	for _, f := range []string{"msgpack", "json", "json_lines", "json_stream"} {
		o, err := outputtest.New().Build(Plugin.Config(), "format", f, "json_date_format", "iso8601", "json_date_key", "off")
		if err != nil {
			t.Fatal(err)
		}
		if err := outputtest.Flush(t, o, outputtest.Chunk(t, "t", `[1,{"a":1}]`)); err != nil {
			t.Error(err)
		}
		if err := outputtest.Flush(t, o, event.NewChunk(2, "t", event.Metrics, []byte("payload"), 1)); err != nil {
			t.Error(err)
		}
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	_, err := outputtest.New().Build(Plugin.Config(), "format", "xml")
	if err == nil || !strings.HasPrefix(err.Error(), "test.conf:1:1: format: 'xml' is none of") {
		t.Error(err)
	}
}
