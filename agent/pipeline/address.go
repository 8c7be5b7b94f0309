package pipeline

import (
	"net"
	"strings"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
)

// inherit gives a client the service's dns.* settings where it has none of its own.
func inherit(props []option.Property, own []option.Option, service []option.Property) []option.Property {
	for _, key := range []string{"dns.mode", "dns.resolver", "dns.prefer_ipv4", "dns.prefer_ipv6"} {
		v, set := option.Lookup(service, key)
		if _, mine := option.Lookup(props, "net."+key); set && !mine && option.Knows(own, "net."+key) && !option.Knows(own, "") {
			props = append(props[:len(props):len(props)], option.Property{Key: "net." + key, Value: v, Pos: v.Pos})
		}
	}
	return props
}

// address takes a section apart whose name says where as well as what: http://host:port/uri, as the command
// line has it. host is the key for the first part: an input listens on it.
func address(s config.Section, host string) config.Section {
	name, rest, found := strings.Cut(s.Name, "://")
	if !found {
		return s
	}
	place, uri := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		place, uri = rest[:i], rest[i:]
	}
	h, port, err := net.SplitHostPort(place)
	if err != nil {
		h, port = strings.Trim(place, "[]"), ""
	}
	s.Name = name
	var props []option.Property
	for _, p := range [][2]string{{host, h}, {"port", port}, {"uri", uri}} {
		if p[1] != "" {
			props = append(props, option.Property{Key: p[0], Value: option.Value{Text: p[1], Pos: s.Pos}, Pos: s.Pos})
		}
	}
	s.Props = append(props, s.Props...)
	return s
}
