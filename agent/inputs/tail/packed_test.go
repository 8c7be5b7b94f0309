package tail

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gz(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zst(t testing.TB, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// packings are the ways to compress, by the ends of names.
var packings = map[string]func(testing.TB, string) string{".gz": gz, ".ZST": zst}

func TestCompressedFilesAreReadAsText(t *testing.T) {
	for end, pack := range packings {
		text := manyLines(rand.New(rand.NewPCG(1, 2)), 5*readSize)
		text = text[:strings.LastIndexByte(text, '\n')+1]
		p := newPlace(t)
		half := len(text) / 2
		p.write("a"+end, pack(t, text[:half])+pack(t, text[half:])) // one behind the other
		p.once("path", "DIR/*", "offset_key", "at", "skip_long_lines", "on", "buffer_chunk_size", "100", "buffer_max_size", fmt.Sprint(limitInTest))
		if got := p.sink.list(); !slices.Equal(got, oneByOne(text)) {
			t.Errorf("%s: %d records, not %d, or others", end, len(got), len(oneByOne(text)))
		}
	}
}

func TestCompressedFileMayComeInPieces(t *testing.T) {
	for end, pack := range packings {
		name := "a" + end
		p := newPlace(t)
		raw := pack(t, "one\ntwo\n")
		p.write(name, raw[:3])
		p.run("path", "DIR/a.*", "read_from_head", "on", "watcher_interval", "0.01")
		p.append(name, raw[3:len(raw)-3])
		p.append(name, raw[len(raw)-3:])
		p.want(`in {"log":"one"}`, `in {"log":"two"}`)
		p.append(name, pack(t, "three\nfour"))
		p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`)
		p.write(name, pack(t, "new\n")) // shorter
		p.want(`in {"log":"one"}`, `in {"log":"two"}`, `in {"log":"three"}`, `in {"log":"new"}`)
		p.end()
		if n := p.in.lost[truncated].Value(); n != 0 {
			t.Errorf("%d bytes of text are counted as lost, which nobody can know", n)
		}
	}
}

func TestCompressedFileGoesOnWhereItEnded(t *testing.T) {
	for end, pack := range packings {
		name := "a" + end
		text := strings.Repeat("a line of many\n", 10_000) // longer than the file
		p := newPlace(t)
		p.write(name, pack(t, text))
		p.once("path", "DIR/a.*", "db", "DIR/state.db")
		if n := len(p.sink.list()); n != 10_000 {
			t.Fatalf("%d lines", n)
		}
		p = p.again()
		p.append(name, pack(t, "more\n"))
		p.once("path", "DIR/a.*", "db", "DIR/state.db")
		p.want(`in {"log":"more"}`)
	}
}

func TestDamagedCompressedFileIsReadUpToTheDamage(t *testing.T) {
	for end, pack := range packings {
		p := newPlace(t)
		p.write("a"+end, pack(t, "one\ntwo\n")+"this is no text that was packed")
		p.write("b"+end, "nor is this")
		p.run("path", "DIR/a.*,DIR/b.*", "read_from_head", "on", "watcher_interval", "0.01")
		p.want(`in {"log":"one"}`, `in {"log":"two"}`)
		p.until("complaints", func() bool { return strings.Count(p.kit.Log(), "unpacking") == 2 })
		p.write("c.log", "")
		p.append("a"+end, "more of it")
		p.end()
		if n := strings.Count(p.kit.Log(), "unpacking"); n != 2 {
			t.Errorf("it complained %d times:\n%s", n, p.kit.Log())
		}
	}
}

func TestCompressedFilesThatAreThereAreNotReadUnlessFromTheHead(t *testing.T) {
	p := newPlace(t)
	p.write("a.gz", gz(t, "old\n"))
	p.run("path", "DIR/*.gz", "refresh_interval", "0.01", "watcher_interval", "0.01")
	p.write("b.gz", gz(t, "new\n"))
	p.want(`in {"log":"new"}`)
}

func FuzzPacked(f *testing.F) {
	f.Add([]byte(gz(f, "one\ntwo\n")), false)
	f.Add([]byte(zst(f, "one\ntwo\n")), true)
	f.Fuzz(func(t *testing.T, raw []byte, z bool) {
		p := newPlace(t)
		name := map[bool]string{false: "a.gz", true: "a.zst"}[z]
		p.write(name, string(raw))
		file, _, err := openFile(p.path(name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.close()
		whole := make([]byte, 1<<16)
		whole = whole[:file.packed.readAt(whole, 0)]
		part := make([]byte, 7)
		for at := 0; at+len(part) <= len(whole); at += len(part) {
			if n := file.packed.readAt(part, int64(at)); n != len(part) || !bytes.Equal(part, whole[at:at+n]) {
				t.Fatalf("%d bytes at %d: %q, not %q", n, at, part[:n], whole[at:at+len(part)])
			}
		}
	})
}

func TestCompressedFileThatIsNotReadIsNotInTheDatabase(t *testing.T) {
	p := newPlace(t)
	p.write("a.log.gz", gz(t, "one\n"))
	p.write("b.log", "one\n")
	p.run("path", "DIR/*.log*", "db", "DIR/state.db")
	p.append("b.log", "two\n")
	p.want(`in {"log":"two"}`)
	p.rename("a.log.gz", "gone")
	p.until("the renaming to be seen", func() bool { return p.in.rotated.Value() == 1 })
	p.end()
	if rows := p.rows(); len(rows) != 1 || rows[0].Name != p.path("b.log") {
		t.Errorf("got %+v", rows)
	}
}
