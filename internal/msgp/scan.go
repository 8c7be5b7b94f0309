package msgp

import "errors"

// Scanner finds the end of a value that arrives in pieces, looking at each byte once.
type Scanner struct {
	Limit int // how long the value may be

	pos  int // what was looked at
	left int // values still owed, the first one not counted
	on   bool
}

// ErrLimit is the error of a value that is longer than its limit, or says that it will be.
var ErrLimit = errors.New("MessagePack is longer than its limit")

// Next returns the length of the value at the beginning of b, or 0 when more of it must come: then b is given
// again, with more behind it. After an error or a length the scanner is ready for the next value.
func (s *Scanner) Next(b []byte) (size int, err error) {
	if !s.on {
		s.pos, s.left, s.on = 0, 1, true
	}
	for s.left > 0 {
		if s.left > s.Limit-s.pos { // each value still owed takes a byte at least
			return s.end(0, ErrLimit)
		}
		if s.pos >= len(b) {
			return 0, nil
		}
		sh := shapes[b[s.pos]]
		switch sh & 0xc0 {
		case shFixed:
			s.pos += 1 + int(sh)
		case shChild:
			s.pos++
			s.left += int(sh & 0x3f)
		default:
			n, children, err := s.special(b[s.pos:])
			if err != nil {
				return s.end(0, err)
			}
			if n == 0 {
				return 0, nil
			}
			s.pos += n
			s.left += children
		}
		s.left--
	}
	if s.pos > s.Limit {
		return s.end(0, ErrLimit)
	}
	if s.pos > len(b) {
		return 0, nil
	}
	return s.end(s.pos, nil)
}

func (s *Scanner) end(size int, err error) (int, error) {
	s.on = false
	return size, err
}

// headers are the bytes that a lead byte and its length field take.
var headers = map[byte]int{
	0xc4: 2, 0xc5: 3, 0xc6: 5, 0xc7: 3, 0xc8: 4, 0xc9: 6, 0xd9: 2, 0xda: 3, 0xdb: 5, 0xdc: 3, 0xdd: 5, 0xde: 3, 0xdf: 5,
}

// special reads a lead byte that a length field follows. n is 0 when not all of it is there.
func (s *Scanner) special(b []byte) (n, children int, err error) {
	head, ok := headers[b[0]]
	if !ok {
		return 0, 0, ErrInvalid
	}
	if len(b) < head {
		return 0, 0, nil
	}
	length := uint64(0)
	at := head - 1
	if b[0] >= 0xc7 && b[0] <= 0xc9 {
		at-- // the type of an extension stands behind its length
	}
	for _, c := range b[1 : at+1] {
		length = length<<8 | uint64(c)
	}
	if length > uint64(s.Limit) {
		return 0, 0, ErrLimit
	}
	switch b[0] {
	case 0xdc, 0xdd:
		return head, int(length), nil
	case 0xde, 0xdf:
		return head, 2 * int(length), nil
	}
	return head + int(length), 0, nil
}
