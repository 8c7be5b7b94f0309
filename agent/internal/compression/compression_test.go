package compression

import (
	"bytes"
	"compress/zlib"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
)

func TestWhatIsPackedUnpacks(t *testing.T) {
	text := []byte(strings.Repeat("the same again ", 1000))
	for _, k := range []Kind{None, Gzip, Zstd, Snappy} {
		packed := Append([]byte("x"), k, text)[1:]
		got, err := Expand(k, packed, int64(len(text)))
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", k, len(got), err)
		}
		var large *TooLarge
		if _, err := Expand(k, packed, int64(len(text))-1); !errors.As(err, &large) {
			t.Errorf("%s: %v", k, err)
		}
		if k == None {
			continue
		}
		if _, err := Expand(k, packed[:len(packed)/2], 1<<20); err == nil {
			t.Errorf("%s: half of it is accepted", k)
		}
		if _, err := Expand(k, []byte("nothing of the sort, really"), 1<<20); err == nil {
			t.Errorf("%s: plain text is accepted", k)
		}
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	_, _ = w.Write(text)
	w.Close()
	if got, err := Expand(Deflate, z.Bytes(), 1<<20); err != nil || !bytes.Equal(got, text) {
		t.Error(len(got), err)
	}
	var framed bytes.Buffer
	s := snappy.NewBufferedWriter(&framed)
	_, _ = s.Write(text)
	s.Close()
	if got, err := Expand(Snappy, framed.Bytes(), 1<<20); err != nil || !bytes.Equal(got, text) {
		t.Error(len(got), err)
	}
}

func TestPayloadsMayFollowEachOther(t *testing.T) {
	for _, k := range []Kind{Gzip, Zstd} {
		packed := Append(Append(nil, k, []byte("one ")), k, []byte("two"))
		if got, err := Expand(k, packed, 100); err != nil || string(got) != "one two" {
			t.Errorf("%s: %q, %v", k, got, err)
		}
	}
}

func FuzzExpand(f *testing.F) {
	kinds := []Kind{None, Gzip, Zstd, Snappy, Deflate}
	for i, k := range kinds[:4] {
		f.Add(i, Append(nil, k, []byte("some text, some text")))
	}
	f.Fuzz(func(t *testing.T, i int, src []byte) {
		k := kinds[uint(i)%uint(len(kinds))]
		got, err := Expand(k, src, 1000)
		if err == nil && len(got) > 1000 {
			t.Errorf("%s: %d bytes", k, len(got))
		}
	})
}
