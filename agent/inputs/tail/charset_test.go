package tail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/internal/inputtest"
)

// encode returns text in a charset.
func encode(t testing.TB, c *charset, text string) string {
	t.Helper()
	if c.encoding == nil {
		return text
	}
	s, err := c.encoding.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// setting is a charset as it is configured.
type setting struct {
	key, value string
	*charset
	letters string // that it has
}

func settings(t testing.TB) []setting {
	t.Helper()
	list := []setting{
		{"unicode.encoding", "UTF-16LE", utf16LE, "aЖ中ਊ𝄞é"}, // U+0A0A is twice the byte of a line feed
		{"unicode.encoding", "utf16-be", utf16BE, "aЖ中ਊ𝄞é"},
	}
	for name, letters := range map[string]string{
		"ShiftJIS": "aｱソ表", "Windows-31J": "aｱソ表", "UHC": "a한글", "CP949": "a한글", "GBK": "a中文", "GB18030": "a中文€𝄞", "Big5": "a中文",
		"Win866": "aЖя", "Win874": "aก", "CP1250": "ał", "Win1251": "aЖ", "Windows-1252": "aé€", "Win1253": "aΩ", "Win1254": "ağ",
		"Win1255": "aש", "Win1256": "aس", "ISO-8859-2": "ał", "koi8-r": "aЖ", "euc-jp": "aソ表",
	} {
		c, err := codePage(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, setting{"generic.encoding", name, c, letters})
	}
	return list
}

// someText makes lines of some letters, about n bytes of them.
func someText(rnd *rand.Rand, letters string, n int) string {
	all := []rune(letters)
	var b strings.Builder
	for b.Len() < n {
		for range rnd.IntN(40) {
			b.WriteRune(all[rnd.IntN(len(all))])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// records are those of text, at the offsets of its encoded form, which begins with so many bytes of a mark.
func records(t testing.TB, c *charset, text string, mark int) (want []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		want = append(want, fmt.Sprintf(`in {"at":%d,"log":%s}`, mark, strconv.Quote(strings.TrimSuffix(line, "\n"))))
		mark += len(encode(t, c, line))
	}
	return want
}

func TestEncodedFilesAreReadAsText(t *testing.T) {
	for _, s := range settings(t) {
		t.Run(s.value, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			text := someText(rnd, s.letters, 3*readSize) // enough to be read ahead
			p := newPlace(t)
			p.write("a.log", encode(t, s.charset, text))
			p.once("path", "DIR/a.log", "offset_key", "at", s.key, s.value)
			if got, want := p.sink.list(), records(t, s.charset, text, 0); !slices.Equal(got, want) {
				for i := range min(len(got), len(want)) {
					if got[i] != want[i] {
						t.Fatalf("record %d: got %s, want %s", i, got[i], want[i])
					}
				}
				t.Fatalf("%d records, not %d", len(got), len(want))
			}
		})
	}
}

func TestEncodedLinesMayComeInPieces(t *testing.T) {
	for _, s := range settings(t) {
		t.Run(s.value, func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat(s.letters+"\n", 3)
			raw := encode(t, s.charset, text)
			want := records(t, s.charset, text, 0)
			p := newPlace(t)
			p.write("a.log", "")
			p.run("path", "DIR/a.log", "offset_key", "at", s.key, s.value)
			for i := range len(raw) {
				p.append("a.log", raw[i:i+1])
				p.until(fmt.Sprintf("byte %d to be seen", i), func() bool { return p.in.watcher.all()[0].seen.Load() == int64(i+1) })
			}
			p.want(want...)
		})
	}
}

func TestMarksMayComeInPieces(t *testing.T) {
	check := func(name, configured string, c *charset, mark string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "é\ntwo\n"
			raw := mark + encode(t, c, text)
			p := newPlace(t)
			p.write("a.log", "")
			p.run("path", "DIR/a.log", "offset_key", "at", "unicode.encoding", configured)
			for i := range len(raw) {
				p.append("a.log", raw[i:i+1])
				p.until(fmt.Sprintf("byte %d to be seen", i), func() bool { return p.in.watcher.all()[0].seen.Load() == int64(i+1) })
			}
			p.want(records(t, c, text, len(mark))...)
		})
	}
	check("little", "auto", utf16LE, "\xff\xfe")
	check("big", "auto", utf16BE, "\xfe\xff")
	check("utf-8", "auto", utf8BOM, "\xef\xbb\xbf")
	check("none", "auto", utf8BOM, "")
	check("utf-8 although little is configured", "UTF-16LE", utf8BOM, "\xef\xbb\xbf")
	check("big although little is configured", "UTF-16LE", utf16BE, "\xfe\xff")
}

func TestMarksTellUnicodeEncodings(t *testing.T) {
	check := func(name, configured string, c *charset, mark string) {
		t.Helper()
		p := newPlace(t)
		text := "é\ntwo\n"
		p.write("a.log", mark+encode(t, c, text))
		p.run("path", "DIR/a.log", "offset_key", "at", "read_from_head", "on", "unicode.encoding", configured)
		want := records(t, c, text, len(mark))
		p.want(want...)
		if name == "" {
			return
		}
		// Another encoding after a truncation.
		p.truncate("a.log", 0)
		p.append("a.log", string(utf16BE.bom)+encode(t, utf16BE, "new\n"))
		p.want(append(want, `in {"at":2,"log":"new"}`)...)
	}
	check("little", "auto", utf16LE, "\xff\xfe")
	check("big", "auto", utf16BE, "\xfe\xff")
	check("utf-8", "auto", utf8BOM, "\xef\xbb\xbf")
	check("", "auto", utf8BOM, "")
	check("big although little is configured", "utf-16le", utf16BE, "\xfe\xff")
	check("utf-8 although little is configured", "UTF-16LE", utf8BOM, "\xef\xbb\xbf")

	for _, c := range []*charset{utf16LE, utf16BE} { // without a mark
		p := newPlace(t)
		p.write("a.log", encode(t, c, "one\nzwölf\n"))
		p.once("path", "DIR/a.log", "unicode.encoding", "auto")
		p.want(`in {"log":"one"}`, `in {"log":"zwölf"}`)
	}
}

func TestEncodedFileGoesOnWhereItEnded(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", "\xff\xfe"+encode(t, utf16LE, "old\n")+"n") // half of a character
	p.run("path", "DIR/a.log", "unicode.encoding", "auto", "db", "DIR/state.db")
	p.append("a.log", "\x00"+encode(t, utf16LE, "ew\n"))
	p.want(`in {"log":"new"}`)
	p = p.again()
	p.append("a.log", encode(t, utf16LE, "newer\nno end"))
	p.run("path", "DIR/a.log", "unicode.encoding", "auto", "db", "DIR/state.db", "rotate_wait", "0.01", "watcher_interval", "0.01")
	p.want(`in {"log":"newer"}`)
	p.rename("a.log", "old")
	p.want(`in {"log":"newer"}`, `in {"log":"no end"}`)
}

func TestBytesThatMeanNothingAreReplaced(t *testing.T) {
	check := func(key, value, raw, want string) {
		t.Helper()
		p := newPlace(t)
		p.write("a.log", raw)
		p.once("path", "DIR/a.log", key, value)
		p.want(want)
	}
	check("unicode.encoding", "UTF-16LE", "a\x00\x00\xd8b\x00\n\x00", `in {"log":"a�b"}`)
	check("generic.encoding", "GBK", "a\xffb\x81\n", `in {"log":"a�b�"}`)
	check("generic.encoding", "Windows-1252", "a\x81\n", `in {"log":"a�"}`)
}

func TestLongEncodedLinesAreCutBetweenCharacters(t *testing.T) {
	p := newPlace(t)
	p.write("a.log", encode(t, utf16LE, "ab𝄞𝄞𝄞𝄞𝄞\nlast\n"))
	p.once("path", "DIR/a.log", "unicode.encoding", "UTF-16LE", "buffer_chunk_size", "12", "buffer_max_size", "12", "truncate_long_lines", "on")
	p.want(`in {"log":"ab𝄞"}`, `in {"log":"last"}`)
}

func TestUnknownEncodingsAreRefused(t *testing.T) {
	check := func(want string, settings ...string) {
		t.Helper()
		if _, err := inputtest.New().Build(new(config), settings...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want …%s…", settings, err, want)
		}
	}
	check("unicode.encoding: 'latin' is not known", "path", "a", "unicode.encoding", "latin")
	for _, name := range []string{"utf-8", "utf-16", "utf-16le", "iso-2022-jp", "replacement", "x-user-defined", "nonsense"} {
		check("generic.encoding: '"+name+"' is no code page", "path", "a", "generic.encoding", name)
	}
	check("cannot be used together", "path", "a", "generic.encoding", "GBK", "unicode.encoding", "auto")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("a\x81\x30\x81\x30\xff"), true)
	all := settings(f)
	f.Fuzz(func(t *testing.T, line []byte, cut bool) {
		l := newLines(nil)
		for _, s := range all {
			once := string(l.decode(s.charset, line, cut))
			if again := string(l.decode(s.charset, line, cut)); again != once {
				t.Errorf("%s: %q becomes %q and then %q", s.value, line, once, again)
			}
			if len(once) > 3*len(line) {
				t.Errorf("%s: %d bytes become %d", s.value, len(line), len(once))
			}
		}
	})
}
