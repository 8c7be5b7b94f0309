package event

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/internal/msgp"
)

// FuzzParseJSON compares with encoding/json: what that takes we take, with the same values. We take more:
// control characters in texts and bytes that are no UTF-8. Numbers beyond a float's range, which it leaves to
// whoever asks for their value, are refused.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		sampleLine, `[1,-2.5e+3,"\ud83d\ude00\u00e9\n",true,false,null,{}] x`, `{"a":{"b":[[]]}}{"c":1}`, "  12.5 ", `"\ud83d"`,
		`18446744073709551615`, `-9223372036854775808`, `-9223372036854775809`, `1e400`, `0.1e-5`, `123456789012345678901234567890`,
		`[`, `{"a"`, `tru`, `-`, `"\u12`, "\"\t\xff\"", `01`, `[1,]`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, used, err := ParseJSON([]byte("dst"), src)
		dec := json.NewDecoder(bytes.NewReader(src))
		dec.UseNumber()
		var want any
		wantErr := dec.Decode(&want)
		if err != nil {
			if string(out) != "dst" || used > len(src) {
				t.Fatalf("after %v: out %q, used %d", err, out, used)
			}
			leadingZero := err == errJSONNumber // where encoding/json reads 0 and leaves the rest
			if wantErr == nil && err != errJSONDepth && err != errJSONRange && !leadingZero {
				t.Fatalf("%q is refused: %v", src, err)
			}
			if err == ErrShortJSON && wantErr != io.EOF && wantErr != io.ErrUnexpectedEOF && utf8.Valid(src) && !hasControls(src) {
				t.Fatalf("%q counts as unfinished; encoding/json says %v", src, wantErr)
			}
			return
		}
		v, rest, err := CheckValue(out[3:])
		if err != nil || len(rest) > 0 {
			t.Fatalf("%q became % x: %v, %d bytes too many", src, out[3:], err, len(rest))
		}
		if wantErr != nil {
			if utf8.Valid(src) && !hasControls(src) && !endsInNumber(src[:used]) {
				t.Fatalf("%q is taken; encoding/json says %v", src, wantErr)
			}
			return
		}
		if int64(used) != dec.InputOffset() {
			t.Fatalf("%q: used %d, encoding/json %d", src, used, dec.InputOffset())
		}
		if !sameAs(v, want) {
			t.Fatalf("%q became %s", src, AppendJSON(nil, v, JSONStyle{}))
		}
		// And back: what we write reads as the same, but for bytes that are no UTF-8 and duplicate keys.
		if !utf8.Valid(src) {
			return
		}
		for _, s := range []JSONStyle{{}, {RawUTF8: true}} {
			text := AppendJSON(nil, v, s)
			again, n, err := ParseJSON(nil, text)
			if err != nil || n != len(text) || !sameAs(again, want) {
				t.Fatalf("%q was written as %s: %v", src, text, err)
			}
		}
	})
}

func hasControls(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) ||
		bytes.ContainsAny(b, "\t\n\r") && bytes.IndexByte(b, '"') >= 0
}

// endsInNumber reports whether the value may be a number that what follows makes invalid: 1x.
func endsInNumber(b []byte) bool {
	return len(b) > 0 && !strings.ContainsRune(`"]}`, rune(b[len(b)-1]))
}

// sameAs compares a value with what encoding/json made of the same text.
func sameAs(v Value, want any) bool {
	switch want := want.(type) {
	case nil:
		return v.Type() == TypeNil
	case bool:
		b, ok := v.Bool()
		return ok && b == want
	case string:
		return v.Type() == TypeStr && strings.ToValidUTF8(string(v.Str()), "\ufffd") == strings.ToValidUTF8(want, "\ufffd") ||
			!utf8.Valid(v.Str())
	case json.Number:
		if i, err := want.Int64(); err == nil {
			n, ok := v.Int()
			return ok && n == i
		}
		if u, ok := v.Uint(); ok {
			return string(AppendJSON(nil, AppendUint(nil, u), JSONStyle{})) == string(want)
		}
		f, err := want.Float64()
		got, ok := v.Float()
		return err == nil && ok && got == f
	case []any:
		if v.Type() != TypeArray || v.Len() != len(want) {
			return false
		}
		i := 0
		for e := range v.Elems() {
			if !sameAs(e, want[i]) {
				return false
			}
			i++
		}
		return true
	case map[string]any:
		if v.Type() != TypeMap {
			return false
		}
		for k, val := range v.Pairs() {
			if !utf8.Valid(k.Str()) {
				return true
			}
			w, ok := want[string(k.Str())]
			if !ok {
				return false
			}
			if last := v.Get(string(k.Str())); &last[0] == &val[0] && !sameAs(val, w) {
				return false
			}
		}
		return true
	}
	return false
}

// FuzzAppendJSON writes any MessagePack, even malformed, as JSON, which has to be valid.
func FuzzAppendJSON(f *testing.F) {
	f.Add([]byte(fromJSON(f, sampleLine)), false, false)
	f.Add([]byte{0x83, 1, 2, 0xc4, 1, 0xff, 0xd4, 5, 1, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0x92}, true, true)
	f.Add([]byte{0x82, 0xa1, 'a', 1, 0xa1, 'a'}, true, false)
	f.Add([]byte{0xde, 0xff, 0xff, 0xa1, 'a', 0x81, 0xda, 0xff}, true, false)
	f.Add([]byte{0xca, 0x7f, 0x80, 0, 0}, false, true)
	f.Fuzz(func(t *testing.T, data []byte, raw, null bool) {
		s := JSONStyle{RawUTF8: raw, NaNAsNull: null}
		got := AppendJSON([]byte("dst"), data, s)
		if string(got[:3]) != "dst" || !json.Valid(got[3:]) || !utf8.Valid(got) {
			t.Fatalf("% x became %q", data, got)
		}
		private := func(r rune) bool { return r >= invalidByte && r <= invalidByte+0xff }
		if !raw && bytes.ContainsFunc(got, func(r rune) bool { return r > 0x7e && !private(r) }) {
			t.Fatalf("not ASCII: %q", got)
		}
		if n, err := msgp.Check(data); err == nil {
			if again := AppendJSON(nil, data[:n:n], s); !bytes.Equal(again, got[3:]) {
				t.Fatalf("what follows a value changes it: %q, %q", again, got[3:])
			}
		}
	})
}
