// Package geoip2 is the filter geoip2: it looks addresses up in a MaxMind database and adds what it finds.
package geoip2

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/fluent/fluent-bit-go/agent/internal/enrich"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter geoip2.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "geoip2",
	Summary: "Add what a MaxMind database knows about an address",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	database option.Value
	lookups  []string
	records  []record
}

// record is one key to add.
type record struct {
	key    event.Value
	lookup string // the key with the address
	path   []string
	pos    option.Pos
}

func (c *config) Options() []option.Option {
	database := option.Ordered("string", c.setDatabase, "database")[0]
	database.Repeats = false
	record := option.Ordered("string", c.addRecord, "record")[0]
	return []option.Option{
		database.Required().Help("The file with the database, in MaxMind's format (.mmdb)."),
		option.Strings("lookup_key", &c.lookups).Required().Help("A key whose value is an address, in any case."),
		record.Required().Help("KEY LOOKUP_KEY %{PATH}: add KEY with what stands under PATH, such as country.names.en or subdivisions.0.iso_code, in the entry of the address under LOOKUP_KEY; null when there is nothing."),
	}
}

func (c *config) setDatabase(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("takes one value, not a list or a map")
	}
	c.database = v
	return nil
}

func (c *config) addRecord(_ string, v option.Value) error {
	if v.Kind == option.KindList || v.Kind == option.KindMap {
		return errors.New("should be KEY LOOKUP_KEY %{PATH}, not a list or a map")
	}
	words := strings.Fields(v.Text)
	if len(words) == 3 {
		path, opened := strings.CutPrefix(words[2], "%{")
		path, closed := strings.CutSuffix(path, "}")
		if opened && closed && path != "" {
			c.records = append(c.records, record{event.AppendStr(nil, words[0]), words[1], strings.Split(path, "."), v.Pos})
			return nil
		}
	}
	return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("record: '%s' is not KEY LOOKUP_KEY %%{PATH}", v.Text), Cure: "write for instance: record country remote_addr %{country.iso_code}"}
}

func (c *config) New(plugin.Env) (plugin.Filter, error) {
	f := &filter{config: *c}
	for _, r := range c.records {
		i := slices.Index(c.lookups, r.lookup)
		if i < 0 {
			return nil, &option.Error{Pos: r.pos, Msg: fmt.Sprintf("record: '%s' is no lookup_key", r.lookup), Cure: "add it with lookup_key"}
		}
		f.from = append(f.from, i)
	}
	if _, err := os.Stat(c.database.Text); err != nil {
		return nil, &option.Error{Pos: c.database.Pos, Msg: "database: " + err.Error(), Cure: "name a .mmdb file that can be read"}
	}
	return f, nil
}

type filter struct {
	config
	from   []int // the lookup of each record
	db     *maxminddb.Reader
	known  map[string][]event.Value // of an address, what each record adds
	found  [][]event.Value          // for each lookup of the record in hand; kept for its memory, …
	add    []event.Field            // … as these …
	fields []event.Field            // … and these are
}

// maxKnown bounds the addresses that are remembered, maxAddress how long they may be: a zone has no end.
const (
	maxKnown   = 10_000
	maxAddress = 64
)

// Start reads the database into memory. Mapped there, one that is overwritten in place would end the agent.
func (f *filter) Start(context.Context) error {
	data, err := os.ReadFile(f.database.Text)
	if err == nil {
		f.db, err = maxminddb.OpenBytes(data)
	}
	if err != nil {
		return fmt.Errorf("open the database '%s': %w", f.database.Text, err)
	}
	f.known = map[string][]event.Value{}
	f.found = make([][]event.Value, len(f.lookups))
	return nil
}

// Close closes the database.
func (f *filter) Close() error {
	if f.db == nil {
		return nil
	}
	return f.db.Close()
}

var null = event.AppendNil(nil)

// Filter adds the keys.
func (f *filter) Filter(_ context.Context, b *event.Batch) error {
	for e := range b.Edit() {
		clear(f.found)
		for k, v := range e.Body().Pairs() {
			f.find(k.Str(), v.Str())
		}
		f.add = f.add[:0]
		for i, r := range f.records {
			field := event.Field{Key: r.key, Val: null}
			if found := f.found[f.from[i]]; found != nil {
				field.Val = found[i]
			}
			f.add = append(f.add, field)
		}
		f.fields = enrich.Append(f.fields[:0], e.Body(), f.add)
		e.SetFields(f.fields)
	}
	return nil
}

// find looks up the text under key when key is one of the lookups.
func (f *filter) find(key, text []byte) {
	if len(key) == 0 || len(text) == 0 {
		return
	}
	for i, l := range f.lookups {
		if len(l) == len(key) && strings.EqualFold(l, string(key)) {
			f.found[i] = f.lookup(text)
		}
	}
}

// lookup returns what each record adds for an address; nil when text is none.
func (f *filter) lookup(text []byte) []event.Value {
	if values, ok := f.known[string(text)]; ok {
		return values
	}
	ip, err := netip.ParseAddr(string(text[:min(len(text), maxAddress)]))
	if err != nil || len(text) > maxAddress {
		return nil
	}
	var entry any
	if found := f.db.Lookup(ip.Unmap()); !found.Found() || found.Decode(&entry) != nil {
		entry = nil
	}
	values := make([]event.Value, len(f.records))
	for i, r := range f.records {
		values[i] = encode(value(entry, r.path))
	}
	if len(f.known) >= maxKnown {
		clear(f.known)
	}
	f.known[string(text)] = values
	return values
}

// value is what stands under a path; a number in it may be the index of an array.
func value(v any, path []string) any {
	for _, name := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// encode turns a database's value into a record's. Maps, arrays and numbers of 128 bits become null, as in
// Fluent Bit.
func encode(v any) event.Value {
	switch x := v.(type) {
	case string:
		return event.AppendStr(nil, x)
	case []byte:
		return event.AppendStr(nil, x)
	case bool:
		return event.AppendBool(nil, x)
	case float64:
		return event.AppendFloat(nil, x)
	case float32:
		return event.AppendFloat(nil, float64(x))
	case int:
		return event.AppendInt(nil, int64(x))
	case int32:
		return event.AppendInt(nil, int64(x))
	case uint16:
		return event.AppendUint(nil, uint64(x))
	case uint32:
		return event.AppendUint(nil, uint64(x))
	case uint64:
		return event.AppendUint(nil, x)
	}
	return null
}
