package accessor

import (
	"encoding/hex"
	"strconv"

	"github.com/fluent/fluent-bit-go/event"
)

// Source is what a text is rendered from.
type Source struct {
	Tag  string
	Body event.Value // the record, a map
	// Text and Captures are a text and, as pairs of offsets in it, the groups of a regular expression that
	// matched it: the whole match first, -1 for groups that took no part.
	Text     []byte
	Captures []int
}

// AppendText appends the text with everything filled in. What is not there is left out, and so are arrays,
// which have no text form; complete tells whether all was there.
func (a *Accessor) AppendText(dst []byte, s Source) (out []byte, complete bool) {
	complete = true
	for i := range a.parts {
		p, ok := &a.parts[i], true
		switch p.kind {
		case kindText:
			dst = append(dst, p.text...)
		case kindKey:
			dst, ok = AppendValue(dst, get(s.Body, p.path))
		case kindTag:
			dst = append(dst, s.Tag...)
		case kindTagPart:
			dst, ok = appendTagPart(dst, s.Tag, p.n)
		case kindCapture:
			if ok = 2*p.n+1 < len(s.Captures) && s.Captures[2*p.n] >= 0; ok {
				dst = append(dst, s.Text[s.Captures[2*p.n]:s.Captures[2*p.n+1]]...)
			}
		}
		complete = complete && ok
	}
	return dst, complete
}

func appendTagPart(dst []byte, tag string, n int) ([]byte, bool) {
	from := 0
	for i := 0; i <= len(tag); i++ {
		if i < len(tag) && tag[i] != '.' {
			continue
		}
		if n == 0 {
			return append(dst, tag[from:i]...), true
		}
		n--
		from = i + 1
	}
	return dst, false
}

// AppendValue appends the text form of a value: numbers in decimal, floats with six digits behind the
// point, maps as JSON, binary in hex. Arrays, extensions and a nil Value have none.
func AppendValue(dst []byte, v event.Value) (out []byte, ok bool) {
	switch v.Type() {
	case event.TypeStr:
		return append(dst, v.Str()...), true
	case event.TypeBool:
		b, _ := v.Bool()
		return strconv.AppendBool(dst, b), true
	case event.TypeInt:
		n, _ := v.Int()
		return strconv.AppendInt(dst, n, 10), true
	case event.TypeUint:
		n, _ := v.Uint()
		return strconv.AppendUint(dst, n, 10), true
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		return strconv.AppendFloat(dst, f, 'f', 6, 64), true
	case event.TypeNil:
		return append(dst, "null"...), true
	case event.TypeBin:
		return hex.AppendEncode(dst, v.Bin()), true
	case event.TypeMap:
		return event.AppendJSON(dst, v, event.JSONStyle{}), true
	}
	return dst, false
}
