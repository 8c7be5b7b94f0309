package pipeline

import (
	"fmt"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
)

func TestClientsInheritTheServicesNameServers(t *testing.T) {
	own := []option.Option{option.String("net.dns.mode", new(string)), option.String("net.dns.resolver", new(string))}
	service := []option.Property{{Key: "dns.mode", Value: option.Value{Text: "TCP"}}, {Key: "dns.resolver", Value: option.Value{Text: "ASYNC"}}, {Key: "dns.prefer_ipv4", Value: option.Value{Text: "on"}}}
	props := inherit([]option.Property{{Key: "net.dns.resolver", Value: option.Value{Text: "LEGACY"}}}, own, service)
	got := ""
	for _, p := range props {
		got += p.Key + "=" + p.Value.Text + " "
	}
	if got != "net.dns.resolver=LEGACY net.dns.mode=TCP " {
		t.Error(got)
	}
}

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
