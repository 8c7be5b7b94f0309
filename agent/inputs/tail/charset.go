package tail

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// charset is how the text of a file is encoded. Lines are found in the file's own bytes, so offsets are
// places in the file, and decoded one by one. A nil charset is UTF-8, or what the file may be otherwise.
type charset struct {
	encoding encoding.Encoding // nil to take the bytes as they are
	bom      []byte            // which the file may begin with
	feed     []byte            // a line feed: one byte, or the two of UTF-16
}

var (
	utf16LE = &charset{unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), []byte("\xff\xfe"), []byte("\n\x00")}
	utf16BE = &charset{unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), []byte("\xfe\xff"), []byte("\x00\n")}
	utf8BOM = &charset{nil, []byte("\xef\xbb\xbf"), []byte("\n")}
)

// codePages are Fluent Bit's names, without "win", "windows" or "cp" before a number. In all of them the
// byte of a line feed is nothing else.
var codePages = map[string]encoding.Encoding{
	"shiftjis": japanese.ShiftJIS, "sjis": japanese.ShiftJIS, "932": japanese.ShiftJIS, "31j": japanese.ShiftJIS,
	"uhc": korean.EUCKR, "949": korean.EUCKR,
	"gbk": simplifiedchinese.GBK, "936": simplifiedchinese.GBK, "gb18030": simplifiedchinese.GB18030,
	"big5": traditionalchinese.Big5, "950": traditionalchinese.Big5,
	"866": charmap.CodePage866, "874": charmap.Windows874,
	"1250": charmap.Windows1250, "1251": charmap.Windows1251, "1252": charmap.Windows1252, "1253": charmap.Windows1253,
	"1254": charmap.Windows1254, "1255": charmap.Windows1255, "1256": charmap.Windows1256, "1257": charmap.Windows1257,
	"1258": charmap.Windows1258,
}

// codePage finds a value of generic.encoding.
func codePage(name string) (*charset, error) {
	plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	for _, prefix := range []string{"windows", "win", "cp"} {
		plain = strings.TrimPrefix(plain, prefix)
	}
	e, ok := codePages[plain]
	if !ok {
		// The names of the Web, but not its encodings of more than one byte for a line feed, with states, or none.
		var err error
		e, err = htmlindex.Get(name)
		switch e {
		case unicode.UTF8, utf16LE.encoding, utf16BE.encoding, japanese.ISO2022JP, encoding.Replacement, charmap.XUserDefined:
			err = errCodePage
		}
		if label, _ := htmlindex.Name(e); err != nil || strings.HasPrefix(label, "utf-") {
			return nil, errCodePage
		}
	}
	return &charset{encoding: e, feed: []byte("\n")}, nil
}

var errCodePage = errors.New("is no code page")

func (in *input) checkEncoding() error {
	var errs []error
	switch u := strings.ReplaceAll(strings.ToLower(in.unicodeEncoding), "-", ""); u {
	case "", "utf8":
	case "auto":
		in.detects = true
	case "utf16le":
		in.charset, in.detects = utf16LE, true
	case "utf16be":
		in.charset, in.detects = utf16BE, true
	default:
		errs = append(errs, in.fault("unicode.encoding", fmt.Sprintf("'%s' is not known", in.unicodeEncoding), "use UTF-16LE, UTF-16BE or auto; for code pages there is generic.encoding"))
	}
	if in.genericEncode == "" {
		return errors.Join(errs...)
	}
	c, err := codePage(in.genericEncode)
	switch {
	case err != nil:
		errs = append(errs, in.fault("generic.encoding", fmt.Sprintf("'%s' %v", in.genericEncode, err), "use one such as ShiftJIS, UHC, GBK, GB18030, Big5, Win866, Win874, Win1250 to Win1258, ISO-8859-1 or KOI8-R"))
	case in.unicodeEncoding != "":
		errs = append(errs, in.fault("generic.encoding", "cannot be used together with unicode.encoding", "remove one of them"))
	}
	in.charset = c
	return errors.Join(errs...)
}

// detect finds out how f is encoded, from the mark that it may begin with, or else from its first character
// when nothing is configured.
func (in *input) detect(f *file) error {
	if f.detected || !in.detects {
		return nil // fast path
	}
	f.charset = in.charset
	var head [3]byte
	n, err := f.readAt(head[:], 0)
	if err != nil || n == 0 {
		return err
	}
	for _, c := range []*charset{utf16LE, utf16BE, utf8BOM} {
		if k := min(n, len(c.bom)); bytes.Equal(head[:k], c.bom[:k]) { // as far as it is there
			f.charset, f.detected = c, k == len(c.bom)
			return f.align()
		}
	}
	if n < 2 { // too short to tell
		return nil
	}
	f.detected = true
	switch {
	case in.charset != nil:
	case head[0] != 0 && head[1] == 0:
		f.charset = utf16LE
	case head[0] == 0 && head[1] != 0:
		f.charset = utf16BE
	}
	return f.align()
}

// align moves the offset to the beginning of the character it is in.
func (f *file) align() error {
	if !f.charset.wide() || f.offset%2 == 0 {
		return nil
	}
	return f.seek(f.offset - 1)
}

func (c *charset) wide() bool { return c != nil && len(c.feed) == 2 }

// line returns how long the first line of text in UTF-16 is, without its line feed; -1 without one.
func (c *charset) line(text []byte) int {
	for n := 0; ; n++ {
		i := bytes.Index(text[n:], c.feed)
		if i < 0 {
			return -1
		}
		if n += i; n%2 == 0 {
			return n
		}
		// It was the halves of two characters.
	}
}

// lines returns how long the whole lines are that text begins with.
func (c *charset) lines(text []byte) int {
	if !c.wide() {
		return bytes.LastIndexByte(text, '\n') + 1 // fast path
	}
	for end := len(text); ; end++ {
		switch end = bytes.LastIndex(text[:end], c.feed); {
		case end < 0:
			return 0
		case end%2 == 0:
			return end + 2
		}
	}
}

// begin returns how long the mark is that the file begins with; part says that there may be one, but not all
// of it yet.
func (c *charset) begin(text []byte) (n int, part bool) {
	switch {
	case c == nil:
		return 0, false
	case bytes.HasPrefix(text, c.bom):
		return len(c.bom), false
	}
	return 0, bytes.HasPrefix(c.bom, text)
}

// decode returns line in UTF-8; it is valid until the next call. Bytes that mean nothing become U+FFFD. With
// cut, a character that is not complete at the end is left out.
func (l *lines) decode(c *charset, line []byte, cut bool) []byte {
	if c == nil || c.encoding == nil || len(c.feed) == 1 && ascii(line) {
		return line // fast path
	}
	if l.decoderOf != c {
		l.decoder, l.decoderOf = c.encoding.NewDecoder(), c
	}
	l.decoder.Reset()
	dst := l.decoded[:cap(l.decoded)]
	n := 0
	for {
		wrote, read, err := l.decoder.Transform(dst[n:], line, !cut)
		n, line = n+wrote, line[read:]
		if !errors.Is(err, transform.ErrShortDst) {
			l.decoded = dst[:n]
			return l.decoded
		}
		dst = append(dst, make([]byte, 2*len(line)+64)...)
	}
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
