package output

import (
	"bytes"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

func TestRecordsOutliveTheHostsMemory(t *testing.T) {
	data := containerLogs(500)
	dec := NewDecoder(unsafe.Pointer(&data[0]), len(data))
	var records, want []map[any]any
	for fresh := NewDecoderBytes(bytes.Clone(data)); ; {
		ret, _, rec := GetRecord(fresh)
		if ret != 0 {
			break
		}
		want = append(want, rec)
	}
	clear(data) // the host frees its chunk
	for {
		ret, _, rec := GetRecord(dec)
		if ret != 0 {
			break
		}
		if records = append(records, rec); len(records)%100 == 0 {
			runtime.GC()
		}
	}
	dec = nil
	runtime.GC()
	if !reflect.DeepEqual(records, want) || len(records) != 500 {
		t.Error("records changed")
	}
}

func TestWritingToARecordTouchesNoOther(t *testing.T) {
	all := func() (out []map[any]any) {
		for dec := NewDecoderBytes(containerLogs(20)); ; {
			ret, _, rec := GetRecord(dec)
			if ret != 0 {
				return out
			}
			out = append(out, rec)
		}
	}
	got, want := all(), all()
	first := got[0]
	log := first["log"].([]byte)
	for i := range log {
		log[i] = 'x'
	}
	_ = append(log, "more"...)
	delete(first["kubernetes"].(map[any]any), "pod_name")
	first["log"], first["new"], first["status"] = "text", 1, nil
	if !reflect.DeepEqual(got[1:], want[1:]) {
		t.Error("another record changed")
	}
	if first["stream"].([]byte)[0] != 's' {
		t.Error("an append reached the next value")
	}
}

func TestMetadataAndGroups(t *testing.T) {
	dec := NewDecoderBytes(chunk(t, "92 92 d700 00000001 00000000 81 a161 01 80"+
		"92 92 d700 ffffffff 00000000 81 a161 02 81 a162 03"+ // start of a group
		"92 92 d700 00000002 00000000 80 80"+
		"92 d700 fffffffe 00000000 80"+ // its end
		"92 ce 00000003 80"+
		"92 92 ce 00000003 c0 80"))
	f := func(sec int64, meta, group, attributes map[any]any) {
		t.Helper()
		ret, ts, gotMeta, rec := GetRecordWithMetadata(dec)
		if s, ok := ts.(uint64); ok {
			ts = at(int64(s), 0)
		}
		if ret != 0 || !reflect.DeepEqual(ts, at(sec, 0)) || !reflect.DeepEqual(gotMeta, meta) || rec == nil {
			t.Errorf("got %d %v %v %v", ret, ts, gotMeta, rec)
		}
		if g, a := dec.Group(); !reflect.DeepEqual(g, group) || !reflect.DeepEqual(a, attributes) {
			t.Errorf("group %v %v", g, a)
		}
	}
	type m = map[any]any
	f(1, m{"a": int64(1)}, nil, nil)
	f(2, m{}, m{"a": int64(2)}, m{"b": int64(3)})
	f(3, nil, nil, nil)
	f(3, nil, nil, nil)
	if ret, _, meta, rec := GetRecordWithMetadata(dec); ret != -1 || meta != nil || rec != nil {
		t.Errorf("got %d %v %v", ret, meta, rec)
	}
}

func TestNoDecoderNoRecords(t *testing.T) {
	for _, dec := range []*FLBDecoder{nil, {}, NewDecoder(nil, 5), NewDecoder(unsafe.Pointer(&dot), 0), NewDecoder(unsafe.Pointer(&dot), -1)} {
		if ret, ts, rec := GetRecord(dec); ret != -1 || ts != any(0) || rec != nil {
			t.Errorf("got %d %v %v", ret, ts, rec)
		}
		if g, a := dec.Group(); g != nil || a != nil {
			t.Errorf("group %v %v", g, a)
		}
	}
}

var dot byte

func TestDeepRecordsAreReported(t *testing.T) {
	nested := func(n int) string { return old(strings.Repeat("91", n) + "01") }
	if got := codes(chunk(t, nested(maxDepth-1)+nested(maxDepth)+nested(100_000)+old("01"))); got != "1 1 ret-3 ret-3 ret-1" {
		t.Errorf("got %s", got)
	}
	inKeys := "92 ce00000001" + strings.Repeat("81 05", 2*maxDepth) + "80"
	if got := codes(chunk(t, inKeys+old("01"))); got != "1 ret-3 ret-1" {
		t.Errorf("got %s", got)
	}
}

func TestLyingCountsAllocateLittle(t *testing.T) {
	data := chunk(t, strings.Repeat("dd 00ffffff", 4000)+strings.Repeat("df 00ffffff", 4000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	codes(data)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes for a chunk of %d", n, len(data))
	}
}

func TestARecordTakesFewAllocations(t *testing.T) {
	data := containerLogs(1000)
	perRecord := testing.AllocsPerRun(5, func() {
		for dec := NewDecoderBytes(data); ; {
			if ret, _, _ := GetRecord(dec); ret != 0 {
				return
			}
		}
	}) / 1000
	if perRecord > 10 { // three maps, of which the large one takes four or five
		t.Errorf("%.1f allocations per record", perRecord)
	}
}

func FuzzGetRecord(f *testing.F) {
	f.Add(containerLogs(2))
	f.Add(metrics())
	for _, s := range []string{"", "05", "92 cc09 80", "92 92 d700 00000001 00000000 81 a161 01 80", "92 d700 ffffffff 00000000 80",
		old("c7 0c ff 00000003 0000000000000002"), old("dd 00000001 c0"), "92 05 81 91 05 01", "92 cb 3ff8000000000000 80", "c1"} {
		f.Add(chunk(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, full := NewDecoderBytes(bytes.Clone(data)), NewDecoderBytes(bytes.Clone(data))
		reported := false
		for range len(data) + 2 {
			ret, ts, rec := GetRecord(plain)
			ret2, ts2, meta, rec2 := GetRecordWithMetadata(full)
			full.Group()
			switch {
			case ret != 0 && (rec != nil || ts != any(0)), ret == 0 && rec == nil, ret > 0, ret < -5:
				t.Fatalf("got %d %v %v", ret, ts, rec)
			case reported && ret == 0:
				t.Fatal("a good event behind a report")
			case ret2 != 0 && (rec2 != nil || ts2 != any(0) || meta != nil):
				t.Fatalf("got %d %v %v %v", ret2, ts2, meta, rec2)
			}
			ConvertRecordToCMetrics(rec)
			if reported = ret != 0; ret == -1 {
				return
			}
		}
		t.Fatal("no end")
	})
}
