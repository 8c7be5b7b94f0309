package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A record as Fluent Bit stores it: [[EventTime 1700000000.0, {}], {"n": 1}].
const recordHex = "92 92 d700 6553f100 00000000 80 81 a16e 01"

// A whole file by hand: header, metadata of logs with the tag "my.tag", one record, zeros up to 96 bytes.
func fixture(t testing.TB) []byte {
	file := unhex(t, `
		c100 00000000 00000000 00000011 0000000000000000
		000a f177 00 00 6d792e746167`+recordHex)
	binary.BigEndian.PutUint32(file[2:], crc32.ChecksumIEEE(file[22:]))
	return append(file, make([]byte, 96-len(file))...)
}

func TestFileOfFluentBitIsRead(t *testing.T) {
	c, err := load(7, fixture(t), true)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != 7 || c.Tag != "my.tag" || c.Kind != event.Logs || c.Len() != 1 || !bytes.Equal(c.Bytes(), unhex(t, recordHex)) {
		t.Errorf("chunk %d, tag %q, kind %v, %d records, bytes %x", c.ID, c.Tag, c.Kind, c.Len(), c.Bytes())
	}
}

func TestFileIsWrittenAsFluentBitDoesIt(t *testing.T) {
	file, crc := appendStart(nil, Meta{Kind: event.Logs, Tag: "my.tag"})
	data := unhex(t, recordHex)
	file = append(file, data...)
	putHead(file, crc32.Update(crc, crc32.IEEETable, data), uint32(len(data)))
	if want := bytes.TrimRight(fixture(t), "\x00"); !bytes.Equal(file, want) {
		t.Errorf("written:\n%x\nwant:\n%x", file, want)
	}
}

func TestMetadataIsReadAndWritten(t *testing.T) {
	check := func(m Meta, meta string) {
		t.Helper()
		b := unhex(t, meta)
		if got := appendMeta(nil, m); !bytes.Equal(got, b) {
			t.Errorf("%v is written\n%x, want\n%x", m, got, b)
		}
		if got, err := parseMeta(b); err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%x is read as %v, %v, want %v", b, got, err, m)
		}
	}
	check(Meta{Kind: event.Logs, Tag: "a"}, "f177 00 00 61")
	check(Meta{Kind: event.Metrics}, "f177 01 00")
	check(Meta{Kind: event.Blobs, Tag: "a"}, "f177 03 00 61")
	check(Meta{Kind: event.Profiles, Tag: "a"}, "f177 04 00 61")
	check(Meta{Kind: event.Logs, Tag: "a", Routes: []Route{{ID: 1}, {ID: 2}}}, "f177 00 01 61 00 0006 0002 0001 0002")
	check(Meta{Kind: event.Logs, Tag: "a", Routes: []Route{{ID: 65536, Label: "x", Alias: true}}},
		"f177 00 07 61 00 0009 0001 00010000 8001 78")
	check(Meta{Kind: event.Traces, Tag: "a", Routes: []Route{{ID: 3, Label: "es.0", Plugin: "es"}, {ID: 4, Label: "b", Alias: true, Plugin: "null"}}},
		"f177 02 0b 61 00 0019 0002 0003 0004 0004 8001 65732e30 62 0002 0004 6573 6e756c6c")
}

func TestOldMetadataIsTheTagOfLogs(t *testing.T) {
	if m, err := parseMeta([]byte("app.log")); err != nil || m.Tag != "app.log" || m.Kind != event.Logs {
		t.Errorf("read as %v, %v", m, err)
	}
}

func TestBrokenRoutesLeaveTheTag(t *testing.T) {
	whole := appendMeta(nil, Meta{Kind: event.Logs, Tag: "a", Routes: []Route{{ID: 3, Label: "es.0", Plugin: "es"}}})
	for n := 5; n < len(whole); n++ {
		if m, err := parseMeta(whole[:n]); err != nil || m.Tag != "a" || m.Routes != nil {
			t.Errorf("the first %d bytes are read as %v, %v", n, m, err)
		}
	}
}

func TestTagIsCutToWhatFits(t *testing.T) {
	m, err := parseMeta(appendMeta(nil, Meta{Kind: event.Logs, Tag: strings.Repeat("x", 70000)}))
	if err != nil || len(m.Tag) != MaxTag {
		t.Errorf("%d bytes of the tag are left, %v", len(m.Tag), err)
	}
}

func TestDamagedFileYieldsItsValidPrefix(t *testing.T) {
	one := unhex(t, recordHex)
	build := func(stated int, content []byte) []byte {
		file, crc := appendStart(nil, Meta{Kind: event.Logs, Tag: "a"})
		file = append(file, content...)
		putHead(file, crc32.Update(crc, crc32.IEEETable, content), uint32(stated))
		return file
	}
	three := bytes.Repeat(one, 3)
	check := func(name string, file []byte, checksum bool, records int, damage string) {
		t.Helper()
		c, err := load(1, file, checksum)
		switch {
		case damage == "" && err != nil, damage != "" && (err == nil || !strings.Contains(err.Error(), damage)):
			t.Errorf("%s: damage %v, want %q", name, err, damage)
		case c == nil && records > 0, c != nil && c.Len() != records:
			t.Errorf("%s: %v, want %d records", name, c, records)
		}
	}
	whole := build(3*len(one), three)
	check("whole", whole, true, 3, "")
	check("cut short", whole[:len(whole)-2], false, 2, "cut short")
	check("cut short, with checksum", whole[:len(whole)-2], true, 2, "cut short")
	check("no length", build(0, three), true, 3, "")
	check("no length and zeros behind", append(build(0, three), make([]byte, 50)...), false, 3, "")
	check("longer than its length", append(whole, "rest"...), true, 3, "")
	garbage := bytes.Clone(whole)
	garbage[len(garbage)-len(one)] = 0xc1
	check("garbage in a record", garbage, false, 2, "malformed")
	check("garbage in a record, with checksum", garbage, true, 2, "malformed")
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	check("another value", flipped, true, 3, "checksum")
	check("another value, unchecked", flipped, false, 3, "")
	old := bytes.Clone(whole)
	copy(old[2:6], build(len(one), one)[2:6])
	check("checksum of less", old, true, 1, "only a part")
	old = bytes.Clone(whole)
	putHead(old, binary.BigEndian.Uint32(whole[2:]), uint32(len(one)))
	check("checksum of more", old, true, 3, "")
	raw := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(raw[2:], ^binary.BigEndian.Uint32(whole[2:]))
	check("checksum that was not finished", raw, true, 3, "")
	putHead(raw, 0, uint32(len(three)))
	check("no checksum", raw, true, 3, "")
	check("foreign", []byte("{\"log\":\"this is no chunk file\"}"), true, 0, "does not begin")
	check("empty", nil, true, 0, "does not begin")
	check("ends in metadata", whole[:25], true, 0, "within its metadata")
}

func FuzzChunkFile(f *testing.F) {
	f.Add(fixture(f), true)
	f.Add(fixture(f)[:40], false)
	meta := appendMeta(nil, Meta{Kind: event.Logs, Tag: "a", Routes: []Route{{ID: 70000, Label: "es.0", Plugin: "es", Alias: true}}})
	file := append(make([]byte, 24), meta...)
	copy(file, []byte{0xc1, 0})
	binary.BigEndian.PutUint16(file[22:], uint16(len(meta)))
	f.Add(append(file, fixture(f)[34:]...), false)
	f.Fuzz(func(t *testing.T, file []byte, checksum bool) {
		c, err := load(1, file, checksum)
		if c == nil {
			if err == nil {
				t.Fatal("neither chunk nor error")
			}
			return
		}
		for r := range c.Records() {
			_, _, _ = r.Time(), r.Meta(), r.Body()
		}
		if !bytes.Contains(file, c.Bytes()) {
			t.Fatal("the chunk holds what the file does not")
		}
		if err == nil && c.Kind == event.Logs && len(c.Bytes()) > 0 && !strings.Contains(c.Tag, "\x00") {
			again, crc := appendStart(nil, Meta{Kind: c.Kind, Tag: c.Tag})
			again = append(again, c.Bytes()...)
			putHead(again, crc32.Update(crc, crc32.IEEETable, c.Bytes()), uint32(len(c.Bytes())))
			if d, err := load(1, again, true); err != nil || d.Tag != c.Tag || !bytes.Equal(d.Bytes(), c.Bytes()) {
				t.Fatalf("written again it is read as %v, %v", d, err)
			}
		}
	})
}
