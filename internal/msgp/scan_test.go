package msgp

import (
	"bytes"
	"testing"
)

// scan feeds a scanner byte by byte.
func scan(b []byte, limit int) (size, fed int, err error) {
	s := Scanner{Limit: limit}
	for fed = range len(b) + 1 {
		if size, err = s.Next(b[:fed]); size > 0 || err != nil {
			return size, fed, err
		}
	}
	return 0, fed, nil
}

func TestTheEndOfAValueIsFoundWhenItArrives(t *testing.T) {
	long := AppendStr(nil, bytes.Repeat([]byte("x"), 300))
	for _, v := range [][]byte{
		{0x01}, {0xc0}, {0x80}, {0x92, 0x01, 0xa1, 'x'}, {0xc4, 2, 1, 2}, {0xc7, 1, 5, 9}, {0xd4, 0, 1}, {0xcb, 0, 0, 0, 0, 0, 0, 0, 0},
		{0xde, 0, 1, 0xa1, 'k', 0x91, 0xc3}, {0xdd, 0, 0, 0, 2, 1, 2}, {0xc8, 0, 1, 5, 9}, {0xc9, 0, 0, 0, 1, 5, 9}, long,
	} {
		size, fed, err := scan(append(bytes.Clone(v), 1, 2, 3), 1000)
		if size != len(v) || fed != len(v) || err != nil {
			t.Errorf("% x: size %d after %d bytes, %v", v, size, fed, err)
		}
	}
}

func TestLyingLengthsAreFoundAtOnce(t *testing.T) {
	for want, list := range map[error][][]byte{
		ErrLimit: {
			{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0, 0, 4, 0}, {0xdc, 0x0f, 0xff}, {0xc9, 0xff, 0xff, 0xff, 0xff, 0},
			append(bytes.Repeat([]byte{0x9f}, 100), 0),
		},
		ErrInvalid: {{0x91, 0xc1}},
	} {
		for _, v := range list {
			if size, _, err := scan(v, 1000); size != 0 || err != want {
				t.Errorf("% x: size %d, %v", v, size, err)
			}
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte{0x92, 0x01, 0xa1, 'x'}, 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		want := Skip(b)
		s := Scanner{Limit: 1 << 20}
		cut = int(uint(cut) % uint(len(b)+1))
		size, err := s.Next(b[:cut])
		if size == 0 && err == nil {
			size, err = s.Next(b)
		}
		switch {
		case want < 0 && size != 0, want > 0 && (err != nil || size != want):
			t.Errorf("% x cut at %d: %d, %v, want %d", b, cut, size, err, want)
		}
	})
}
