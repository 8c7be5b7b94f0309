// Package sql reads the queries of the stream processor and of the processor sql, and evaluates them over
// encoded records:
//
//	CREATE STREAM errors WITH (tag='errors') AS
//	  SELECT host, COUNT(*) FROM TAG:'app.*' WINDOW TUMBLING (5 SECOND) WHERE code >= 500 GROUP BY host;
//
// A record is walked once, and only the keys that the query names are looked at.
package sql

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// Kind is what a query does.
type Kind uint8

// The kinds of queries.
const (
	Select         Kind = iota // SELECT …: results are printed
	CreateStream               // CREATE STREAM name AS SELECT …: results are records of their own
	CreateSnapshot             // CREATE SNAPSHOT name AS SELECT * …: keeps the last records
	FlushSnapshot              // FLUSH SNAPSHOT name AS SELECT * … WHERE …: lets them go
)

// Func is the function around a column.
type Func uint8

// The functions. From Count to Forecast they aggregate.
const (
	Plain Func = iota // the key as it is, or * when it has none
	Count
	Sum
	Avg
	Min
	Max
	Forecast
	Now
	UnixTimestamp
	RecordTag
	RecordTime
)

// Query is a parsed query. It does not change and may be used by many goroutines at once, each with a
// [Row] of its own.
type Query struct {
	Kind Kind
	Name string            // of the stream or snapshot
	With map[string]string // tag, routable, seconds, storage.type

	FromTag string // the pattern of FROM TAG:'…', or
	FromRef string // the name of FROM STREAM:…

	Columns []Column
	Window  Window
	GroupBy []int // paths
	Limit   int   // 0 for none

	paths []path
	where *node // nil for all records
}

// Column is one item of the list behind SELECT.
type Column struct {
	Func  Func
	Path  int           // in the query's paths; -1 for * and for functions without a key
	Name  string        // of the result
	Group int           // of a plain key in an aggregating query: its place in GroupBy
	Ahead time.Duration // of Forecast

	key event.Value // Name, encoded
	at  int
}

// Window is the span of time that aggregates cover; the zero value is one batch.
type Window struct {
	Size    time.Duration
	Advance time.Duration // of a hopping window; 0 for a tumbling one
}

// path is a key of the record and keys of the maps below it.
type path []string

func (p path) String() string {
	s := p[0]
	for _, sub := range p[1:] {
		s += "['" + sub + "']"
	}
	return s
}

// Aggregates reports whether the query's results come from many records each.
func (q *Query) Aggregates() bool {
	for _, c := range q.Columns {
		if c.Func.aggregates() {
			return true
		}
	}
	return false
}

func (f Func) aggregates() bool { return f >= Count && f <= Forecast }

// Error says what is wrong with a query and where.
type Error struct {
	Offset int // in characters, from 0
	Msg    string
	Cure   string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("syntax error at character %d of the query: %s", e.Offset+1, e.Msg)
	if e.Cure != "" {
		s += "; " + e.Cure
	}
	return s
}

// At makes it an error of the configuration, where the query stands at pos.
func (e *Error) At(pos option.Pos) *option.Error {
	return &option.Error{Pos: pos, Msg: fmt.Sprintf("syntax error at character %d of the query: %s", e.Offset+1, e.Msg), Cure: e.Cure}
}

func faultAt(src string, at int, msg, cure string) *Error {
	return &Error{Offset: utf8.RuneCountInString(src[:at]), Msg: msg, Cure: cure}
}
