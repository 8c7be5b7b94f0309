package sql

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
)

// op is what a node of a condition does.
type op uint8

const (
	opValue    op = iota // a constant
	opKey                // the value under a key
	opContains           // whether the record has a key
	opTime               // the record's time
	opEq
	opLt
	opLte
	opGt
	opGte
	opNot
	opAnd
	opOr
)

// node is a part of a condition.
type node struct {
	op          op
	left, right *node
	path        int // of opKey and opContains
	value       value
}

// kind of a value while a condition is evaluated.
type kind uint8

const (
	missing kind = iota
	null
	boolean
	integer
	float
	text
)

type value struct {
	kind kind
	b    bool
	i    int64
	f    float64
	s    []byte
}

// or, and, not and operand read conditions, from the weakest binding to the strongest.
func (p *parser) or() *node {
	n := p.and()
	for p.accept("OR") {
		n = &node{op: opOr, left: n, right: p.and()}
	}
	return n
}

func (p *parser) and() *node {
	n := p.not()
	for p.accept("AND") {
		n = &node{op: opAnd, left: n, right: p.not()}
	}
	return n
}

func (p *parser) not() *node {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.peek().at, "", "the condition is nested more than %d levels deep", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.accept("NOT") {
		return &node{op: opNot, left: p.not()}
	}
	if p.accept("(") {
		n := p.or()
		p.expect(")", "close the parenthesis")
		return n
	}
	return p.comparison()
}

var comparisons = map[string]op{"=": opEq, "<": opLt, "<=": opLte, ">": opGt, ">=": opGte, "!=": opEq, "<>": opEq}

func (p *parser) comparison() *node {
	if v, ok := p.constant(); ok {
		return &node{op: opValue, value: v}
	}
	left := p.operand()
	switch sign := p.peek(); {
	case left.op == opKey && p.accept("IS", "NOT", "NULL"):
		return &node{op: opNot, left: &node{op: opEq, left: left, right: &node{value: value{kind: null}}}}
	case left.op == opKey && p.accept("IS", "NULL"):
		return &node{op: opEq, left: left, right: &node{value: value{kind: null}}}
	case sign.kind == tokSign && comparisons[sign.text] != 0:
		p.next()
		v, ok := p.constant()
		if !ok {
			p.unexpected("a number, a text in single quotes, true or false", "a key is compared with a constant: code >= 500, host = 'a'")
		}
		n := &node{op: comparisons[sign.text], left: left, right: &node{value: v}}
		if sign.text == "!=" || sign.text == "<>" {
			n = &node{op: opNot, left: n}
		}
		return n
	}
	return left
}

// operand reads a key or a function of the record.
func (p *parser) operand() *node {
	const cure = "write @record.contains(key) or @record.time()"
	if !p.accept("@") {
		return &node{op: opKey, path: p.path(p.name("a key, a value or (", "write key = value"))}
	}
	switch {
	case p.accept("record.contains"):
		p.expect("(", cure)
		n := &node{op: opContains, path: p.path(p.name("a key", cure))}
		p.expect(")", cure)
		return n
	case p.accept("record.time"):
		p.expect("(", cure)
		p.expect(")", cure)
		return &node{op: opTime}
	}
	p.unexpected("record.contains or record.time", cure)
	return nil
}

func (p *parser) constant() (v value, ok bool) {
	t := p.peek()
	switch {
	case t.is("TRUE"), t.is("FALSE"):
		v = value{kind: boolean, b: t.is("TRUE")}
	case t.kind == tokText:
		v = value{kind: text, s: []byte(t.text)}
	case t.kind == tokNumber:
		v = number([]byte(t.text))
	default:
		return v, false
	}
	p.next()
	return v, true
}

// number reads a whole text as a number; otherwise the result is missing.
func number(s []byte) value {
	s = bytes.TrimSpace(s)
	if len(s) == 0 || len(s) > 40 || !digit(s[len(s)-1]) && s[len(s)-1] != '.' {
		return value{}
	}
	if i, err := strconv.ParseInt(string(s), 10, 64); err == nil {
		return value{kind: integer, i: i}
	}
	if strings.ContainsAny(string(s), "xXpP_iInN") {
		return value{} // of what Go takes for numbers, only decimal ones
	}
	if f, err := strconv.ParseFloat(string(s), 64); err == nil {
		return value{kind: float, f: f}
	}
	return value{}
}

// valueOf decodes v. What is neither null, boolean, number nor text counts as true: it is there.
func valueOf(v event.Value) value {
	switch v.Type() {
	case event.TypeInvalid:
		return value{}
	case event.TypeNil:
		return value{kind: null}
	case event.TypeBool:
		b, _ := v.Bool()
		return value{kind: boolean, b: b}
	case event.TypeInt, event.TypeUint:
		if i, ok := v.Int(); ok {
			return value{kind: integer, i: i}
		}
		u, _ := v.Uint()
		return value{kind: float, f: float64(u)}
	case event.TypeFloat32, event.TypeFloat64:
		f, _ := v.Float()
		return value{kind: float, f: f}
	case event.TypeStr:
		return value{kind: text, s: v.Str()}
	}
	return value{kind: boolean, b: true}
}

// truth is what a value means on its own.
func (v value) truth() bool {
	switch v.kind {
	case boolean:
		return v.b
	case integer:
		return v.i > 0
	case float:
		return v.f > 0
	}
	return v.kind == text
}

func truth(b bool) value { return value{kind: boolean, b: b} }

// eval evaluates a condition on the row's record.
func (n *node) eval(r *Row) value {
	switch n.op {
	case opValue:
		return n.value
	case opKey:
		return valueOf(r.vals[n.path])
	case opContains:
		return truth(r.vals[n.path] != nil)
	case opTime:
		return value{kind: float, f: seconds(r.Time)}
	case opNot:
		return truth(!n.left.eval(r).truth())
	case opAnd:
		return truth(n.left.eval(r).truth() && n.right.eval(r).truth())
	case opOr:
		return truth(n.left.eval(r).truth() || n.right.eval(r).truth())
	}
	return truth(n.compare(n.left.eval(r), n.right.eval(r)))
}

// compare compares a value of the record with a constant. A key that is missing compares as false, and so
// do values of different types; a text beside a number is read as a number.
func (n *node) compare(a, b value) bool {
	if a.kind == text && (b.kind == integer || b.kind == float) {
		a = number(a.s)
	}
	var order int
	switch {
	case a.kind == missing:
		return false
	case a.kind == integer && b.kind == integer:
		order = cmp.Compare(a.i, b.i)
	case a.isNumber() && b.isNumber():
		x, y := a.float(), b.float()
		if math.IsNaN(x) {
			return false
		}
		order = cmp.Compare(x, y)
	case a.kind != b.kind:
		return false
	case a.kind == text:
		order = bytes.Compare(a.s, b.s)
	case n.op == opEq:
		return a.kind == null || a.b == b.b
	default:
		return false
	}
	switch n.op {
	case opEq:
		return order == 0
	case opLt:
		return order < 0
	case opLte:
		return order <= 0
	case opGt:
		return order > 0
	}
	return order >= 0
}

func (v value) isNumber() bool { return v.kind == integer || v.kind == float }

func (v value) float() float64 {
	if v.kind == integer {
		return float64(v.i)
	}
	return v.f
}

func seconds(t event.Time) float64 { return float64(t.Sec) + float64(t.Nsec)/1e9 }
