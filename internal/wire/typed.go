package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/option"
)

// Typed plugins, those written with package plugin, speak the protocol themselves, whether they are programs
// or shared objects that export [ServeSymbol]. For them
//
//   - the reply to OpLoad carries [FlagTyped], and JSON of a [Declaration] as its only text;
//   - the properties of OpInit and OpCheck are JSON of a [Section]; a reply with rc 0 carries why, as JSON of
//     what [Faults] returns;
//   - behind the records of OpFlush and OpFilter, at the next multiple of 8 bytes, stand rc bytes of their
//     index (see package event), which spares the plugin a check of its own; without one rc is 0;
//   - OpFlush tells the chunk's number in off and its kind in flags; its reply carries the error's text, and
//     for [RCRejected] JSON of a [Rejects];
//   - OpCollect waits until there is data; its reply has rc 0 when the input has come to its end and -1, with
//     the reason, when it failed, else the batch's kind, its number in off and its tag in the payload, "" for the
//     configured one;
//   - OpPause comes once, when nothing more is collected: a collect that waits is answered with rc 0.

// ServeSymbol is the function `int32_t (int32_t control, uint32_t version, uint32_t seq)` that a shared object
// exports when it speaks the protocol: it answers the OpLoad of that seq, and serves from then on. It returns
// -1 when it speaks another version.
const ServeSymbol = "FluentBitServe"

// FlagTyped in the reply to OpLoad.
const FlagTyped = 1 << 31

// Flags in the reply to OpCollect, beside FlagHeld.
const FlagWatched = 2 // OpSettle is awaited for this batch

// TypeFilter is a kind of plugin that only this protocol knows.
const TypeFilter = 4

// Return codes of a typed plugin, beside those of package abi.
const (
	RCPoison   = 3 // of a flush: the chunk itself is the fault
	RCRejected = 4 // of a flush: done but for some records
	RCPanic    = 5 // of a filter: it broke off, and the batch is not as it wants it
)

// Declaration is what a typed plugin tells about itself.
type Declaration struct {
	Type    int                  `json:"type"`
	Name    string               `json:"name"`
	Summary string               `json:"summary"`
	Kinds   uint8                `json:"kinds"`
	Workers int                  `json:"workers,omitempty"`
	Retags  bool                 `json:"retags,omitempty"`
	Rereads bool                 `json:"rereads,omitempty"`
	Options []option.Declaration `json:"options"`
}

// Section is one instance's configuration.
type Section struct {
	Name       string            `json:"name"`
	Alias      string            `json:"alias,omitempty"`
	Tag        string            `json:"tag,omitempty"`
	At         option.Pos        `json:"at"`
	Properties []option.Property `json:"properties"` // those that the plugin's options know
	All        []option.Property `json:"all"`
	RawUTF8    bool              `json:"raw_utf8,omitempty"`
	NaNAsNull  bool              `json:"nan_as_null,omitempty"`
	Grace      time.Duration     `json:"grace"`
}

// Rejects are the records of a chunk that its destination refused: a bit for each record, the lowest of a byte
// first, so that a packet has room for any chunk's.
type Rejects struct {
	Bits []byte `json:"bits"`
	Why  string `json:"why"`
}

// NewRejects notes positions in a chunk of n records; those beyond it are left out.
func NewRejects(positions []int, n int, why string) Rejects {
	r := Rejects{Bits: make([]byte, (n+7)/8), Why: short(why)}
	for _, i := range positions {
		if i >= 0 && i < n {
			r.Bits[i/8] |= 1 << (i % 8)
		}
	}
	return r
}

// Positions returns what NewRejects noted, ascending.
func (r Rejects) Positions() (list []int) {
	for i := range 8 * len(r.Bits) {
		if r.Bits[i/8]>>(i%8)&1 != 0 {
			list = append(list, i)
		}
	}
	return list
}

// short cuts a text that may be of any length, such as an error with a stack.
func short(text string) string {
	const most = 2048
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Faults takes an error apart into what is wrong at which place; it makes sure that the list fits a packet.
func Faults(err error) []option.Error {
	var list []option.Error
	var walk func(error)
	walk = func(err error) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				walk(e)
			}
			return
		}
		if len(list) == 20 {
			return
		}
		e := option.Error{Msg: err.Error()}
		if at := (*option.Error)(nil); errors.As(err, &at) {
			e = *at
		}
		e.Msg = short(e.Msg)
		list = append(list, e)
	}
	walk(err)
	return list
}

// Encode writes v as JSON. It cannot fail for the types of this package.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return b
}

// IndexAt is where the index of size bytes of records begins.
func IndexAt(size int) int { return (size + 7) &^ 7 }
