package sql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
)

// parser reads tokens from left to right. A fault ends it by a panic with an *Error, which parse recovers.
type parser struct {
	src   string
	toks  []token
	i     int
	depth int // of parentheses
	q     *Query
}

// limits keep a query from costing more than any real one does.
const (
	maxColumns = 1000
	maxDepth   = 200
	maxPanes   = 10_000
)

// Parse reads a query of the stream processor. An error is an [*Error].
func Parse(text string) (*Query, error) { return parse(text, (*parser).statement) }

// ParseSelect reads a query of the processor sql: SELECT keys FROM STREAM [WHERE condition]. An error is an
// [*Error].
func ParseSelect(text string) (*Query, error) { return parse(text, (*parser).processor) }

func parse(text string, read func(*parser)) (q *Query, err error) {
	toks, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{src: text, toks: toks, q: new(Query)}
	defer func() {
		if e, ok := recover().(*Error); ok {
			q, err = nil, e
		}
	}()
	read(p)
	p.accept(";")
	if p.peek().kind != tokEnd {
		p.unexpected("the end of the query", "the parts stand in this order: FROM, WINDOW, WHERE, GROUP BY, LIMIT")
	}
	return p.q, nil
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

// accept takes the words, if they are the next ones.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.i+i >= len(p.toks) || !p.toks[p.i+i].is(w) {
			return false
		}
	}
	p.i += len(words)
	return true
}

func (p *parser) expect(word, cure string) {
	if !p.accept(word) {
		p.unexpected("'"+word+"'", cure)
	}
}

func (p *parser) unexpected(want, cure string) {
	p.fail(p.peek().at, cure, "expected %s and found %s", want, p.peek())
}

func (p *parser) fail(at int, cure, format string, args ...any) {
	panic(faultAt(p.src, at, fmt.Sprintf(format, args...), cure))
}

const usage = "a query is SELECT … FROM …; CREATE STREAM name AS SELECT …; CREATE SNAPSHOT name AS SELECT * …; or FLUSH SNAPSHOT name AS SELECT * …"

func (p *parser) statement() {
	switch {
	case p.peek().is("SELECT"):
		p.selection()
	case p.accept("CREATE", "STREAM"):
		p.create(CreateStream, "tag", "routable", "storage.type")
	case p.accept("CREATE", "SNAPSHOT"):
		p.create(CreateSnapshot, "tag", "routable", "storage.type", "seconds")
	case p.accept("FLUSH", "SNAPSHOT"):
		p.create(FlushSnapshot, "tag", "routable", "storage.type")
	default:
		p.unexpected("a statement", usage)
	}
}

// selection reads from SELECT to the end.
func (p *parser) selection() {
	p.expect("SELECT", "write SELECT keys FROM TAG:'match'")
	for {
		p.column()
		if !p.accept(",") {
			break
		}
	}
	p.expect("FROM", "write FROM TAG:'match' or FROM STREAM:name")
	p.source()
	if p.accept("WINDOW") {
		p.window()
	}
	p.condition()
	if p.accept("GROUP", "BY") {
		for {
			p.q.GroupBy = append(p.q.GroupBy, p.path(p.name("a key", "write GROUP BY key, key")))
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("LIMIT") {
		at := p.peek().at
		if p.q.Limit = p.integer(); p.q.Limit < 1 {
			p.fail(at, "give a number from 1", "this limit lets nothing through")
		}
	}
	p.checkColumns()
}

func (p *parser) processor() {
	p.expect("SELECT", "write SELECT keys FROM STREAM")
	for {
		at := p.peek().at
		p.column()
		if c := p.q.Columns[len(p.q.Columns)-1]; c.Func != Plain || c.Path >= 0 && len(p.q.paths[c.Path]) > 1 {
			p.fail(at, "name keys of the record's first level, or *", "this processor selects keys as they are")
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect("FROM", "write FROM STREAM")
	p.expect("STREAM", "write FROM STREAM: this processor always reads what passes through it")
	if p.accept(":"); p.peek().kind != tokEnd && !p.peek().is("WHERE") && !p.peek().is(";") {
		p.name("WHERE", "write FROM STREAM WHERE condition;")
	}
	p.condition()
}

func (p *parser) condition() {
	if p.accept("WHERE") {
		p.q.where = p.or()
	}
}

func (p *parser) source() {
	switch {
	case p.accept("STREAM", ":"):
		if t := p.peek(); t.kind == tokText {
			p.q.FromRef = p.next().text
			return
		}
		p.q.FromRef = p.name("the name of an input or stream", "write FROM STREAM:tail.0; other characters go into quotes: STREAM:'my-input'")
	case p.accept("TAG", ":"):
		t := p.peek()
		if t.kind != tokText {
			p.unexpected("a tag in single quotes", "write FROM TAG:'app.*'")
		}
		p.q.FromTag = p.next().text
	default:
		p.unexpected("a source", "write FROM TAG:'match' or FROM STREAM:name")
	}
}

func (p *parser) window() {
	at := p.peek().at
	cure := "write WINDOW TUMBLING (5 SECOND) or WINDOW HOPPING (10 SECOND, ADVANCE BY 5 SECOND)"
	w := &p.q.Window
	hopping := p.accept("HOPPING")
	if !hopping && !p.accept("TUMBLING") {
		p.unexpected("TUMBLING or HOPPING", cure)
	}
	p.expect("(", cure)
	w.Size = p.duration(cure)
	if hopping {
		p.expect(",", cure)
		if !p.accept("ADVANCE", "BY") {
			p.unexpected("ADVANCE BY", cure)
		}
		w.Advance = p.duration(cure)
		if w.Advance > w.Size {
			p.fail(at, "advance by the window's size at most", "this window leaves records out")
		}
		if w.Size/w.Pane() > maxPanes {
			p.fail(at, "advance by more, or make the window smaller", "this window has more than %d steps", maxPanes)
		}
	}
	p.expect(")", cure)
}

// Pane is the longest span that the window's size and advance are multiples of.
func (w Window) Pane() time.Duration {
	a, b := w.Size, w.Advance
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (p *parser) duration(cure string) time.Duration {
	at := p.peek().at
	n := p.integer()
	unit := time.Duration(0)
	for _, u := range []struct {
		name string
		d    time.Duration
	}{{"SECOND", time.Second}, {"MINUTE", time.Minute}, {"HOUR", time.Hour}} {
		if p.accept(u.name) || p.accept(u.name+"S") {
			unit = u.d
			break
		}
	}
	if unit == 0 {
		p.unexpected("SECOND, MINUTE or HOUR", cure)
	}
	if n < 1 || n > 1_000_000 {
		p.fail(at, "give a number from 1", "there is no window of this size")
	}
	return time.Duration(n) * unit
}

func (p *parser) integer() int {
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != tokNumber || err != nil {
		p.unexpected("a whole number", "")
	}
	p.next()
	return n
}

// reserved words are no keys, unless in double quotes.
var reserved = []string{"SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IS", "NULL", "TRUE", "FALSE", "WINDOW", "GROUP", "LIMIT", "WITH"}

// name reads a key or another name.
func (p *parser) name(what, cure string) string {
	t := p.peek()
	isReserved := slices.ContainsFunc(reserved, t.is)
	if isReserved {
		cure = `a key that is called so goes into double quotes: "` + t.text + `"`
	}
	if t.kind != tokQuoted && (t.kind != tokWord || isReserved) || t.text == "" {
		p.unexpected(what, cure)
	}
	return p.next().text
}

// path reads the ['sub'] keys behind a key and returns the path's number.
func (p *parser) path(key string) int {
	list := path{key}
	for p.accept("[") {
		t := p.peek()
		if t.kind != tokText {
			p.unexpected("a key in single quotes", "write key['sub']['sub']")
		}
		list = append(list, p.next().text)
		p.expect("]", "write key['sub']['sub']")
	}
	for i, have := range p.q.paths {
		if slices.Equal(have, list) {
			return i
		}
	}
	if len(p.q.paths) == maxColumns {
		p.fail(p.peek().at, "", "the query names more than %d keys", maxColumns)
	}
	p.q.paths = append(p.q.paths, list)
	return len(p.q.paths) - 1
}

var functions = map[string]Func{
	"COUNT": Count, "SUM": Sum, "AVG": Avg, "MIN": Min, "MAX": Max, "TIMESERIES_FORECAST": Forecast,
	"NOW": Now, "UNIX_TIMESTAMP": UnixTimestamp, "RECORD_TAG": RecordTag, "RECORD_TIME": RecordTime,
}

// column reads one item behind SELECT.
func (p *parser) column() {
	c := Column{Path: -1, Group: -1, at: p.peek().at}
	switch {
	case p.accept("*"):
		c.Name = "*"
	case p.peek().kind == tokWord && p.toks[p.i+1].is("("):
		p.function(&c)
	default:
		c.Path = p.path(p.name("a key, a function or *", "write SELECT key, other AS name, COUNT(*) FROM …"))
		c.Name = p.q.paths[c.Path].String()
	}
	if at := p.peek().at; p.accept("AS") {
		if c.Func == Plain && c.Path < 0 {
			p.fail(at, "rename keys one by one", "* has no other name")
		}
		c.Name = p.name("a name", `write key AS name; other characters go into double quotes: "a-b"`)
	}
	c.key = event.AppendStr(nil, c.Name)
	if p.q.Columns = append(p.q.Columns, c); len(p.q.Columns) > maxColumns {
		p.fail(c.at, "", "the query has more than %d columns", maxColumns)
	}
}

func (p *parser) function(c *Column) {
	t := p.next()
	name := strings.ToUpper(t.text)
	f, ok := functions[name]
	if !ok {
		var names []string
		for n := range functions {
			names = append(names, n)
		}
		slices.Sort(names)
		cure := option.Suggest(name, names)
		if cure == "" {
			cure = "the functions are " + strings.Join(names, ", ")
		}
		p.fail(t.at, cure, "there is no function '%s'", t.text)
	}
	c.Func = f
	p.expect("(", "")
	switch {
	case !f.aggregates():
		c.Name = name + "()"
	case f == Count && p.accept("*"):
		c.Name = "COUNT(*)"
	default:
		c.Path = p.path(p.name("a key", "write "+name+"(key)"))
		c.Name = name + "(" + p.q.paths[c.Path].String() + ")"
	}
	if f == Forecast {
		p.expect(",", "write TIMESERIES_FORECAST(key, seconds)")
		c.Ahead = time.Duration(p.integer()) * time.Second
	}
	p.expect(")", "close the parenthesis behind "+name)
}

// checkColumns makes sure that a column of an aggregating query has one value for many records.
func (p *parser) checkColumns() {
	q := p.q
	if !q.Aggregates() {
		return
	}
	for i := range q.Columns {
		c := &q.Columns[i]
		if c.Func != Plain {
			continue
		}
		if c.Group = slices.Index(q.GroupBy, c.Path); c.Group < 0 || c.Path < 0 {
			p.fail(c.at, "add it to GROUP BY, or put a function around it", "'%s' stands beside aggregates and has many values", c.Name)
		}
	}
}
