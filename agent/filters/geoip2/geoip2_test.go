package geoip2

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/plugin"
)

// database writes a small database of networks that are reserved for documents.
func database(t testing.TB) string {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	insert := func(network string, entry mmdbtype.Map) {
		_, n, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Insert(n, entry); err != nil {
			t.Fatal(err)
		}
	}
	insert("192.0.2.0/24", mmdbtype.Map{
		"country":      mmdbtype.Map{"iso_code": mmdbtype.String("NO"), "names": mmdbtype.Map{"en": mmdbtype.String("Norway")}, "geoname_id": mmdbtype.Uint32(3144096)},
		"location":     mmdbtype.Map{"latitude": mmdbtype.Float64(59.25), "accuracy": mmdbtype.Uint16(20), "offset": mmdbtype.Int32(-3)},
		"subdivisions": mmdbtype.Slice{mmdbtype.Map{"iso_code": mmdbtype.String("03")}},
		"traits":       mmdbtype.Map{"anycast": mmdbtype.Bool(true)},
	})
	insert("2001:db8::/32", mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("IS")}})
	path := filepath.Join(t.TempDir(), "test.mmdb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// started starts what it builds.
func started() plugin.Spec[plugin.Filter] {
	spec := Plugin
	spec.Config = func() plugin.Config[plugin.Filter] { return starting{new(config)} }
	return spec
}

type starting struct{ *config }

func (s starting) New(env plugin.Env) (plugin.Filter, error) {
	f, err := s.config.New(env)
	if err == nil {
		err = f.(plugin.Starter).Start(context.Background())
	}
	return f, err
}

func TestKeysAreAddedFromTheDatabase(t *testing.T) {
	path := database(t)
	f := func(conf, in, want string) {
		t.Helper()
		props := filtertest.Properties(append([]string{"database " + path, "lookup_key ip"}, strings.Split(conf, "\n")...)...)
		if got := filtertest.Run(t, started(), props, strings.Split(in, "\n")...); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", conf, got, want)
		}
	}
	f("record c ip %{country.iso_code}", `{"a":1,"ip":"192.0.2.7"}`+"\n"+`{"ip":"2001:db8::1"}`+"\n"+`{"ip":"::ffff:192.0.2.9"}`,
		`{"a":1,"ip":"192.0.2.7","c":"NO"}`+"\n"+`{"ip":"2001:db8::1","c":"IS"}`+"\n"+`{"ip":"::ffff:192.0.2.9","c":"NO"}`)
	f("record name ip %{country.names.en}\nrecord id ip %{country.geoname_id}\nrecord lat ip %{location.latitude}\nrecord acc ip %{location.accuracy}\nrecord off ip %{location.offset}\nrecord sub ip %{subdivisions.0.iso_code}\nrecord any ip %{traits.anycast}",
		`{"IP":"192.0.2.7"}`, `{"IP":"192.0.2.7","name":"Norway","id":3144096,"lat":59.25,"acc":20,"off":-3,"sub":"03","any":true}`)
	// What is not there is null.
	f("record c ip %{country.iso_code}", `{"ip":"203.0.113.1"}`+"\n"+`{"ip":"-"}`+"\n"+`{"ip":7}`+"\n"+`{"b":1}`,
		`{"ip":"203.0.113.1","c":null}`+"\n"+`{"ip":"-","c":null}`+"\n"+`{"ip":7,"c":null}`+"\n"+`{"b":1,"c":null}`)
	f("record c ip %{country}\nrecord d ip %{country.iso_code.deeper}\nrecord e ip %{subdivisions.9.iso_code}\nrecord f ip %{subdivisions.x}", `{"ip":"192.0.2.7"}`,
		`{"ip":"192.0.2.7","c":null,"d":null,"e":null,"f":null}`)
	// Two addresses in one record, and a key that was there already.
	f("lookup_key peer\nrecord c ip %{country.iso_code}\nrecord p peer %{country.iso_code}", `{"c":"old","ip":"192.0.2.1","peer":"2001:db8::2"}`,
		`{"ip":"192.0.2.1","peer":"2001:db8::2","c":"NO","p":"IS"}`)
}

func TestFaultsStopTheStart(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.mmdb")
	if err := os.WriteFile(junk, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, conf ...string) {
		t.Helper()
		if _, err := filtertest.Build(started(), filtertest.Properties(conf...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	const record = "record c ip %{country}"
	f("'database' is missing", "lookup_key ip", record)
	f("test.conf:1:10: database: stat nowhere.mmdb: no such file", "database nowhere.mmdb", "lookup_key ip", record)
	f("open the database '"+junk+"'", "database "+junk, "lookup_key ip", record)
	f("'lookup_key' is missing", "database "+junk, record)
	f("'record' is missing", "database "+junk, "lookup_key ip")
	f("test.conf:3:8: record: 'ipp' is no lookup_key", "database "+junk, "lookup_key ip", "record c ipp %{country}")
	f("is not KEY LOOKUP_KEY %{PATH}", "database "+junk, "lookup_key ip", "record c ip country")
	f("is not KEY LOOKUP_KEY %{PATH}", "database "+junk, "lookup_key ip", "record c %{country}")
}

func TestKnownAddressesCostNoAllocation(t *testing.T) {
	props := filtertest.Properties("database "+database(t), "lookup_key ip", "record c ip %{country.iso_code}")
	if n := filtertest.Allocs(t, started(), props, `{"a":"yes","ip":"192.0.2.7","d":[1,2]}`); n > 0.1 {
		t.Errorf("%v allocations per record", n)
	}
}

func BenchmarkKnownAddress(b *testing.B) {
	filtertest.Bench(b, started(), "database "+database(b), "lookup_key host", "record c host %{country.iso_code}")
}

func BenchmarkNewAddresses(b *testing.B) {
	props := filtertest.Properties("database "+database(b), "lookup_key ip", "record c ip %{country.iso_code}")
	p, err := filtertest.Build(started(), props)
	if err != nil {
		b.Fatal(err)
	}
	f := p.(*filter)
	for b.Loop() {
		clear(f.known)
		f.lookup([]byte("192.0.2.7"))
	}
}

func TestItConforms(t *testing.T) {
	filtertest.Conform(t, Plugin, "database "+database(t), "lookup_key log", "record country log %{country.iso_code}")
}

func TestWhatIsNoAddressIsNotRemembered(t *testing.T) {
	p, err := filtertest.Build(started(), filtertest.Properties("database "+database(t), "lookup_key ip", "record c ip %{country.iso_code}"))
	if err != nil {
		t.Fatal(err)
	}
	f := p.(*filter)
	for _, text := range []string{"192.0.2.7", strings.Repeat("x", 1<<20), "fe80::1%" + strings.Repeat("x", 1<<20)} {
		f.lookup([]byte(text))
	}
	if len(f.known) != 1 {
		t.Errorf("%d texts are remembered", len(f.known))
	}
}

func TestADatabaseThatIsOverwrittenInPlaceEndsNothing(t *testing.T) {
	path := database(t)
	p, err := filtertest.Build(started(), filtertest.Properties("database "+path, "lookup_key ip", "record c ip %{country.iso_code}"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	b := filtertest.Batch(t, `{"ip":"192.0.2.7"}`)
	if err := p.Filter(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(filtertest.Lines(b), "\n"); got != `{"ip":"192.0.2.7","c":"NO"}` {
		t.Error(got)
	}
}
