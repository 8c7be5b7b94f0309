package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/fluent/fluent-bit-go/event"
)

// A chunk file is laid out as Fluent Bit does it (lib/chunkio, cio_file_st.h):
//
//	 0  C1 00
//	 2  CRC-32 of all from 22 on to the end of the content, or zeros
//	 6  zeros
//	10  length of the content; 0 in old files
//	14  zeros
//	22  length of the metadata
//	24  metadata
//	    content: encoded records
//	    zeros, which may be missing
//
// All numbers are big-endian.
const (
	headSize   = 14 // what changes with every append
	metaAt     = 24
	checkedAt  = 22 // where the checksum begins
	maxContent = math.MaxUint32
)

// The metadata is
//
//	0  F1 77
//	2  the kind of records
//	3  flags
//	4  tag
//
// and with flagRoutes also a zero byte, a length and that many bytes of routes: their number, their ids, then
// with flagLabels the lengths of all labels and the labels, with flagPlugins the same for names of plugins.
// Metadata without F1 77 is an old file's: all of it is the tag of logs.
const (
	flagRoutes  = 1 << 0
	flagLabels  = 1 << 1
	flagWide    = 1 << 2 // ids of 32 instead of 16 bits
	flagPlugins = 1 << 3

	aliasLabel = 1 << 15 // in a label's length: it is an alias and no plugin's name

	// MaxTag is the longest tag that a chunk file can hold; what is longer is cut.
	MaxTag = math.MaxUint16 - 4
)

// kinds are the signals by their number in a file.
var kinds = [...]event.Kinds{event.Logs, event.Metrics, event.Traces, event.Blobs, event.Profiles}

// Meta is what a chunk file says about its records.
type Meta struct {
	Kind   event.Kinds
	Tag    string
	Routes []Route // the outputs that it is meant for; none: those that match the tag
}

// Route names an output that a chunk is meant for.
type Route struct {
	ID     uint32
	Label  string // alias or name of the instance
	Alias  bool
	Plugin string
}

// appendMeta encodes m. Routes that do not fit are left out all together: the tag then says where to go.
func appendMeta(dst []byte, m Meta) []byte {
	kind := bytes.IndexByte(kindBytes(), byte(max(m.Kind, event.Logs)))
	routes, flags := appendRoutes(nil, m.Routes)
	room := MaxTag
	if flags != 0 {
		room -= 1 + 2 + len(routes)
	}
	if room < min(len(m.Tag), 1024) {
		routes, flags, room = nil, 0, MaxTag
	}
	dst = append(dst, 0xf1, 0x77, byte(max(0, kind)), flags)
	dst = append(dst, m.Tag[:min(len(m.Tag), room)]...)
	if flags != 0 {
		dst = append(dst, 0)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(routes)))
		dst = append(dst, routes...)
	}
	return dst
}

func kindBytes() (b []byte) {
	for _, k := range kinds {
		b = append(b, byte(k))
	}
	return b
}

func appendRoutes(dst []byte, routes []Route) ([]byte, byte) {
	if len(routes) == 0 || len(routes) > math.MaxUint16 {
		return nil, 0
	}
	flags := byte(flagRoutes)
	for _, r := range routes {
		if r.ID > math.MaxUint16 {
			flags |= flagWide
		}
		if r.Label != "" {
			flags |= flagLabels
		}
		if r.Plugin != "" {
			flags |= flagPlugins
		}
		if len(r.Label) >= aliasLabel || len(r.Plugin) > math.MaxUint16 {
			return nil, 0
		}
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(routes)))
	for _, r := range routes {
		if flags&flagWide != 0 {
			dst = binary.BigEndian.AppendUint32(dst, r.ID)
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(r.ID))
		}
	}
	texts := func(flag byte, of func(Route) (string, uint16)) {
		if flags&flag == 0 {
			return
		}
		for _, r := range routes {
			s, mark := of(r)
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(s))|mark)
		}
		for _, r := range routes {
			s, _ := of(r)
			dst = append(dst, s...)
		}
	}
	texts(flagLabels, func(r Route) (string, uint16) {
		if r.Alias && r.Label != "" {
			return r.Label, aliasLabel
		}
		return r.Label, 0
	})
	texts(flagPlugins, func(r Route) (string, uint16) { return r.Plugin, 0 })
	if len(dst) > math.MaxUint16 {
		return nil, 0
	}
	return dst, flags
}

// parseMeta reads metadata. Routes that make no sense are left out.
func parseMeta(b []byte) (Meta, error) {
	if len(b) < 4 || b[0] != 0xf1 || b[1] != 0x77 {
		return Meta{Kind: event.Logs, Tag: string(b)}, nil
	}
	if int(b[2]) >= len(kinds) {
		return Meta{}, fmt.Errorf("its kind of records is %d, which nobody knows", b[2])
	}
	m := Meta{Kind: kinds[b[2]]}
	tag, rest, _ := bytes.Cut(b[4:], []byte{0})
	m.Tag = string(tag)
	if flags := b[3]; flags&flagRoutes != 0 {
		m.Routes = parseRoutes(rest, flags)
	}
	return m, nil
}

func parseRoutes(b []byte, flags byte) []Route {
	in := reader{b}
	in.b = in.take(in.number(2))
	n, idSize := in.number(2), 2
	if flags&flagWide != 0 {
		idSize = 4
	}
	if n*idSize > len(in.b) {
		return nil
	}
	routes := make([]Route, n)
	for i := range routes {
		routes[i].ID = uint32(in.number(idSize))
	}
	sizes := make([]int, n)
	texts := func(set func(r *Route, size int, s string)) {
		for i := range sizes {
			sizes[i] = in.number(2)
		}
		for i := range routes {
			set(&routes[i], sizes[i], string(in.take(sizes[i]&^aliasLabel)))
		}
	}
	if flags&flagLabels != 0 {
		texts(func(r *Route, size int, s string) {
			r.Label, r.Alias = s, size&aliasLabel != 0 || flags&flagPlugins == 0
		})
	}
	if flags&flagPlugins != 0 {
		texts(func(r *Route, _ int, s string) { r.Plugin = s })
	}
	if in.b == nil {
		return nil
	}
	return routes
}

// reader takes bytes from the front of b, which becomes nil when there are too few.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	if r.b == nil || n > len(r.b) {
		r.b = nil
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) number(size int) (n int) {
	for _, c := range r.take(size) {
		n = n<<8 | int(c)
	}
	return n
}

// appendStart encodes what stands before the content of a new file, and returns the checksum so far.
func appendStart(dst []byte, m Meta) ([]byte, uint32) {
	at := len(dst)
	dst = append(dst, make([]byte, metaAt)...)
	dst = appendMeta(dst, m)
	binary.BigEndian.PutUint16(dst[at+checkedAt:], uint16(len(dst)-at-metaAt))
	return dst, crc32.ChecksumIEEE(dst[at+checkedAt:])
}

// putHead writes the part of a file that an append changes.
func putHead(dst []byte, crc, length uint32) {
	copy(dst, []byte{0xc1, 0})
	binary.BigEndian.PutUint32(dst[2:], crc)
	binary.BigEndian.PutUint32(dst[10:], length)
}

// errForeign is a file that never was a chunk's.
var errForeign = errors.New("it does not begin as a chunk file does")

// image is a chunk file as it was read: its parts are slices of the file.
type image struct {
	Meta
	start  int    // where the content begins
	length int    // what it should be long
	rest   []byte // all that follows the metadata
	crc    uint32
}

// parseImage takes a chunk file apart. Only the part before the content has to be there.
func parseImage(file []byte) (im image, err error) {
	if len(file) < metaAt || file[0] != 0xc1 || file[1] != 0 {
		return im, errForeign
	}
	im.start = metaAt + int(binary.BigEndian.Uint16(file[checkedAt:]))
	if im.start > len(file) {
		return im, errors.New("it ends within its metadata")
	}
	if im.Meta, err = parseMeta(file[metaAt:im.start]); err != nil {
		return im, err
	}
	im.rest = file[im.start:]
	im.crc = binary.BigEndian.Uint32(file[2:])
	im.length = int(binary.BigEndian.Uint32(file[10:]))
	if im.length == 0 && len(im.rest) > 0 && im.rest[0] != 0 { // written before lengths were
		im.length = len(im.rest)
	}
	return im, nil
}

// load makes a chunk of a file's bytes, which must not change before its Release. What is damaged is left
// out and described by the error; the chunk is never nil unless the file is none of ours. With checksum the
// content must also be what was written.
func load(id uint64, file []byte, checksum bool) (*event.Chunk, error) {
	im, err := parseImage(file)
	if err != nil {
		return nil, err
	}
	var damage error
	content := im.rest
	if im.length > len(content) {
		damage = fmt.Errorf("it is cut short: %d of %d bytes are there", len(content), im.length)
		if im.Kind != event.Logs {
			content = nil // half a payload is none
		}
	} else {
		content = content[:im.length]
	}
	chunk, err := event.View(id, im.Tag, im.Kind, content)
	if err != nil && damage == nil && len(bytes.Trim(content[len(chunk.Bytes()):], "\x00")) > 0 {
		damage = err
	}
	if !checksum || im.crc == 0 || im.matches(crc32.ChecksumIEEE(file[checkedAt:im.start+len(content)])) {
		return chunk, damage
	}
	chunk.Release()
	content, err = im.covered(file, content)
	chunk, _ = event.View(id, im.Tag, im.Kind, content)
	return chunk, errors.Join(damage, err)
}

// covered looks for a part that the checksum fits: a writer that was cut off may have left one that is
// older or newer than the length. Without such a part, records that can still be read are better than none.
func (im *image) covered(file, content []byte) ([]byte, error) {
	if im.Kind != event.Logs {
		return nil, errors.New("its checksum does not match")
	}
	all, _ := event.View(0, im.Tag, im.Kind, im.rest)
	defer all.Release()
	crc, from := crc32.ChecksumIEEE(file[checkedAt:im.start]), 0
	for end := range all.Ends() {
		if im.matches(crc) {
			break
		}
		crc = crc32.Update(crc, crc32.IEEETable, im.rest[from:end])
		from = end
	}
	if !im.matches(crc) {
		return content, errors.New("its checksum does not match; what can still be read as records is delivered")
	}
	if from >= len(content) {
		return im.rest[:from], nil
	}
	return im.rest[:from], errors.New("its checksum covers only a part of it")
}

// matches also knows the form that Fluent Bit leaves behind when it dies between two syncs.
func (im *image) matches(crc uint32) bool {
	var unfinished [4]byte
	binary.LittleEndian.PutUint32(unfinished[:], ^crc)
	return im.crc == crc || im.crc == binary.BigEndian.Uint32(unfinished[:])
}
