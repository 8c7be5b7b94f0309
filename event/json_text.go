package event

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// The words of eight equal bytes that the scans below compare with.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// escapeMask has the high bit of the first byte in w set that does not stand for itself in a JSON string:
// all but ASCII without controls, DEL, the quote and the backslash. Bits above it may be wrong, since
// borrows only go up.
func escapeMask(w uint64) uint64 {
	quote, slash, del := w^ones*'"', w^ones*'\\', w^ones*0x7f
	return (w | (w - ones*0x20) | (quote - ones) | (slash - ones) | (del - ones)) & highs
}

// plainPrefix returns how many bytes of text stand for themselves in a JSON string.
func plainPrefix[T ~string | ~[]byte](text T) int {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if m := escapeMask(le64(text, i)); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(text) && plain[text[i]] {
		i++
	}
	return i
}

// le64 reads eight bytes; the compiler makes one load of it.
func le64[T ~string | ~[]byte](s T, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendJSONString appends text in quotes, escaped as [AppendJSON] does.
func AppendJSONString[T ~string | ~[]byte](dst []byte, text T, s JSONStyle) []byte {
	if cap(dst)-len(dst) < len(text)+16 {
		dst = slices.Grow(dst, len(text)+16)
	}
	// Plain text is copied while it is looked at, a word at a time: fast path.
	at, n := len(dst)+1, len(text)
	out := dst[at : at+n+8]
	dst = dst[:at]
	dst[at-1] = '"'
	i := 0
	for ; i+8 <= n; i += 8 {
		w := le64(text, i)
		binary.LittleEndian.PutUint64(out[i:], w)
		if m := escapeMask(w); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			return appendEscaped(dst[:at+i], text[i:], s)
		}
	}
	switch {
	case i == n:
	case n >= 8: // the last word overlaps the one before it
		w := le64(text, n-8)
		binary.LittleEndian.PutUint64(out[n-8:], w)
		if m := escapeMask(w); m != 0 {
			i = n - 8 + bits.TrailingZeros64(m)>>3
			return appendEscaped(dst[:at+i], text[i:], s)
		}
	default:
		for ; i < n; i++ {
			c := text[i]
			if !plain[c] {
				return appendEscaped(dst[:at+i], text[i:], s)
			}
			out[i] = c
		}
	}
	out[n] = '"'
	return dst[:at+n+1]
}

// appendEscaped appends the rest of a text from the first byte on that does not stand for itself, and the
// closing quote.
func appendEscaped[T ~string | ~[]byte](dst []byte, text T, s JSONStyle) []byte {
	for len(text) > 0 {
		for len(text) > 0 && !plain[text[0]] {
			if c := text[0]; c < utf8.RuneSelf {
				dst = appendEscape(dst, c)
				text = text[1:]
				continue
			}
			r, size := decodeRune(text)
			switch {
			case r == utf8.RuneError && size == 1 && s.RawUTF8:
				dst = append(dst, "\ufffd"...)
			case r == utf8.RuneError && size == 1:
				if claimed(text[0]) <= len(text) {
					dst = utf8.AppendRune(dst, invalidByte+rune(text[0]))
				}
			case s.RawUTF8:
				dst = append(dst, text[:size]...)
			case r > 0xffff:
				r -= 0x10000
				dst = appendUnit(appendUnit(dst, 0xd800|r>>10), 0xdc00|r&0x3ff)
			default:
				dst = appendUnit(dst, r)
			}
			text = text[size:]
		}
		n := plainPrefix(text)
		dst = append(dst, text[:n]...)
		text = text[n:]
	}
	return append(dst, '"')
}

// invalidByte is the first of 256 private characters that stand for bytes which are no UTF-8, as the C agent
// writes them: byte 0xff becomes U+E0FF. A byte that begins a character for which the text is too short, as
// where a text was cut off, is left out.
const invalidByte = 0xe000

// claimed is the length of the character that a byte beyond ASCII begins, in UTF-8 as it was before it ended
// at U+10FFFF.
func claimed(c byte) int { return min(max(bits.LeadingZeros8(^c), 1), 6) }

func decodeRune[T ~string | ~[]byte](text T) (rune, int) {
	if len(text) > utf8.UTFMax {
		text = text[:utf8.UTFMax]
	}
	return utf8.DecodeRuneInString(string(text))
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return appendUnit(dst, rune(c))
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

// appendShort writes the short text that v begins with, at most 31 bytes of the 32 that follow its head.
func appendShort(dst, v []byte, s JSONStyle) (out, rest []byte) {
	if cap(dst)-len(dst) < 34 {
		dst = slices.Grow(dst, 34)
	}
	n, at := int(v[0]&0x1f), len(dst)+1
	dst = dst[:at+33]
	from, to := (*[32]byte)(v[1:33]), (*[32]byte)(dst[at:at+32])
	dst[at-1] = '"'
	// Words are copied whole, and what is beyond the text is written over.
	k := 0
	for {
		w := binary.LittleEndian.Uint64(from[k : k+8])
		binary.LittleEndian.PutUint64(to[k:k+8], w)
		m := escapeMask(w)
		if left := n - k; left < 8 {
			m &= firstBytes[left&7]
		}
		if m != 0 {
			k += bits.TrailingZeros64(m) >> 3
			return appendEscaped(dst[:at+k], v[1+k:1+n], s), v[1+n:]
		}
		if k += 8; k >= n || k > 24 {
			break
		}
	}
	dst[at+n] = '"'
	return dst[:at+n+1], v[1+n:]
}

// firstBytes mask as many bytes of a word.
var firstBytes = [8]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1}
