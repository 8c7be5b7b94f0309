package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestFrameSurvivesTheRoundTrip(t *testing.T) {
	in := Frame{Op: OpFlush, Seq: 7, Inst: 3, RC: -1, Flags: 1, Off: 1 << 40, Len: 1<<63 + 5}
	b := Append([]byte("x"), in, "app.log\x00")
	out, payload, err := Parse(b[1:])
	if err != nil || out != in || string(payload) != "app.log\x00" {
		t.Fatalf("%+v %q %v", out, payload, err)
	}
}

func TestParseRefusesWhatIsNoPacket(t *testing.T) {
	f := func(b []byte, want string) {
		t.Helper()
		_, _, err := Parse(b)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%d bytes) = %v, want %q", len(b), err, want)
		}
	}
	good := Append(nil, Frame{Op: OpPing}, "abc")
	f(nil, "shorter")
	f(good[:39], "shorter")
	f(good[:41], "announced")
	f(append(bytes.Clone(good), 0), "announced")
	f(Append(nil, Frame{}, ""), "unknown operation 0")
	f(Append(nil, Frame{Op: opEnd}, ""), "unknown operation")
}

func TestEveryFieldOfAReplyIsChecked(t *testing.T) {
	const region = 100
	f := func(want string, req Frame, change func(*Frame)) {
		t.Helper()
		reply := req
		change(&reply)
		err := CheckReply(req, reply, region)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckReply(%+v) = %v, want %q", reply, err, want)
		}
	}
	flush := Frame{Op: OpFlush, Seq: 1, Inst: 2}
	f("", flush, func(r *Frame) { r.RC = 99 })
	f("operation", flush, func(r *Frame) { r.Op = OpPing })
	f("request", flush, func(r *Frame) { r.Seq++ })
	f("instance", flush, func(r *Frame) { r.Inst++ })
	f("offset", flush, func(r *Frame) { r.Off = 1 })
	f("flags", flush, func(r *Frame) { r.Flags = 1 })
	f("length", flush, func(r *Frame) { r.Len = 1 })

	collect := Frame{Op: OpCollect, Seq: 1}
	f("", collect, func(r *Frame) { r.Len = region })
	f("", collect, func(r *Frame) { r.Len, r.Flags = region+1, FlagHeld })
	f("region", collect, func(r *Frame) { r.Len = region + 1 })
	f("held back", collect, func(r *Frame) { r.Len, r.Flags = region, FlagHeld })
	f("2 GiB", collect, func(r *Frame) { r.Len, r.Flags = 1<<31, FlagHeld })
	f("", collect, func(r *Frame) { r.Off, r.Flags = 7, FlagWatched })
	f("flags", collect, func(r *Frame) { r.Flags = 4 })
	fetch := Frame{Op: OpFetch}
	f("flags", fetch, func(r *Frame) { r.Flags = FlagWatched })
	f("offset", fetch, func(r *Frame) { r.Off = 1 })
	f("held back", fetch, func(r *Frame) { r.Len, r.Flags = region+1, FlagHeld })

	load := Frame{Op: OpLoad, Off: Version, Inst: NoInstance}
	f("", load, func(r *Frame) { r.Inst = 2 })
	f("protocol", load, func(r *Frame) { r.Off++ })
	f("return code", load, func(r *Frame) { r.RC = 1 })
	f("length", load, func(r *Frame) { r.Len = MaxPayload + 1 })
}

func FuzzParse(f *testing.F) {
	f.Add(Append(nil, Frame{Op: OpInit, Seq: 1, Inst: 2, Flags: 3}, "out.0\x00"))
	f.Add(make([]byte, FrameSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, payload, err := Parse(b)
		if err != nil {
			return
		}
		if again := Append(nil, frame, payload); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
		if err := CheckReply(frame, frame, 1<<20); err == nil && frame.Op == OpCollect && frame.Flags == 0 && frame.Len > 1<<20 {
			t.Fatal("length beyond the region accepted")
		}
	})
}
