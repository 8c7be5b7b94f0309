// Package jsonstream is for JSON values that follow each other, and may arrive in pieces.
package jsonstream

// Separators are the bytes that may stand between two values: blanks, and as in the C agent also the commas of who
// sends the items of an array without its brackets.
const Separators = " \t\r\n,"

// Unfinished follows a value of which only the beginning is there, so that it is not parsed again with
// every read: only when its last bracket may have come, or when it has doubled and may have turned out to
// be no JSON.
type Unfinished struct {
	seen, again     int // bytes looked at; length to parse it again
	depth           int
	inText, escaped bool
}

// Begin is told of a value that was found to be incomplete.
func (u *Unfinished) Begin(src []byte) {
	u.scan(src)
	u.again = 2 * len(src)
}

// Waits looks at what is new in src and tells that parsing it is of no use yet.
func (u *Unfinished) Waits(src []byte) bool {
	if u.again == 0 {
		return false // fast path: nothing was found incomplete
	}
	return !u.scan(src) && len(src) < u.again
}

// scan reports whether the value may have ended in the part of src that was not seen before.
func (u *Unfinished) scan(src []byte) (complete bool) {
	for _, c := range src[min(u.seen, len(src)):] {
		switch {
		case u.escaped:
			u.escaped = false
		case u.inText:
			u.escaped = c == '\\'
			u.inText = c != '"'
		case c == '"':
			u.inText = true
		case c == '{', c == '[':
			u.depth++
		case c == '}', c == ']':
			u.depth--
			complete = complete || u.depth <= 0
		}
	}
	u.seen = len(src)
	return complete
}
