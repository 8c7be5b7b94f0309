package pipeline

import (
	"fmt"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
)

func TestANameMaySayWhere(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		s := address(config.Section{Name: name}, "host")
		got := s.Name
		for _, p := range s.Props {
			got += fmt.Sprintf(" %s=%s", p.Key, p.Value.Text)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	f("tail", "tail")
	f("http://10.0.0.1:9880/put/here?x=1", "http host=10.0.0.1 port=9880 uri=/put/here?x=1")
	f("forward://example.org", "forward host=example.org")
	f("tcp://[::1]:5170", "tcp host=::1 port=5170")
	f("tcp://[::1]", "tcp host=::1")
	f("tcp://:5170", "tcp port=5170")
	f("http:///x", "http uri=/x")
}
