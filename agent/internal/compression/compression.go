// Package compression packs and unpacks whole payloads: gzip, zstd, snappy and deflate. Unpacking stops at a
// limit, so that a small body cannot become a large one.
package compression

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Kind is how a payload is packed.
type Kind string

// The kinds. None leaves a payload as it is.
const (
	None    Kind = ""
	Gzip    Kind = "gzip"
	Zstd    Kind = "zstd"
	Snappy  Kind = "snappy"  // Google's block format; the framed one is read as well
	Deflate Kind = "deflate" // zlib, as HTTP means it; read only
)

// TooLarge is the error of a payload that would be larger than the limit.
type TooLarge struct{ Limit int64 }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("what was compressed is larger than %d bytes", e.Limit)
}

var (
	gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

	// Both are made for whole payloads and may be used by many goroutines at once.
	zstdWriter = sync.OnceValue(func() *zstd.Encoder {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return w
	})
)

// Append appends src in packed form.
func Append(dst []byte, kind Kind, src []byte) []byte {
	switch kind {
	case None:
		return append(dst, src...)
	case Gzip:
		buf := bytes.NewBuffer(dst)
		w := gzips.Get().(*gzip.Writer)
		defer gzips.Put(w)
		w.Reset(buf)
		_, err := w.Write(src)
		if err = errors.Join(err, w.Close()); err != nil {
			panic("BUG: gzip into memory: " + err.Error())
		}
		return buf.Bytes()
	case Zstd:
		return zstdWriter().EncodeAll(src, dst)
	case Snappy:
		return append(dst, snappy.Encode(nil, src)...)
	}
	panic("BUG: cannot compress with " + string(kind))
}

// framedMagic begins snappy's framed format.
const framedMagic = "\xff\x06\x00\x00sNaPpY"

// Expand unpacks src, which may be several packed payloads one behind the other, to at most limit bytes.
func Expand(kind Kind, src []byte, limit int64) ([]byte, error) {
	var r io.Reader
	var err error
	switch kind {
	case None:
		if int64(len(src)) > limit {
			return nil, &TooLarge{limit}
		}
		return src, nil
	case Gzip:
		r, err = gzip.NewReader(bytes.NewReader(src))
	case Deflate:
		r, err = zlib.NewReader(bytes.NewReader(src))
	case Zstd:
		var d *zstd.Decoder
		// A window is memory too, which the frame's header asks for.
		d, err = zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(max(1<<20, min(64<<20, uint64(limit)))))
		if err == nil {
			defer d.Close()
			r = d
		}
	case Snappy:
		if !bytes.HasPrefix(src, []byte(framedMagic)) {
			return expandBlock(src, limit)
		}
		r = snappy.NewReader(bytes.NewReader(src))
	default:
		return nil, fmt.Errorf("'%s' is no compression that is known here", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("not %s: %w", kind, err)
	}
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case int64(len(out)) > limit:
		return nil, &TooLarge{limit}
	case err != nil:
		return nil, fmt.Errorf("broken %s: %w", kind, err)
	}
	return out, nil
}

func expandBlock(src []byte, limit int64) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not snappy: %w", err)
	case int64(n) > limit:
		return nil, &TooLarge{limit}
	}
	out, err := snappy.Decode(nil, src)
	if err != nil {
		return nil, fmt.Errorf("broken snappy: %w", err)
	}
	return out, nil
}
