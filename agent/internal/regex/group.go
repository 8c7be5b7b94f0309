package regex

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// group reads what follows '('; nil when it was a comment.
func (p *parser) group(f flags) *node {
	switch {
	case !p.take("?"):
		if p.named {
			return p.closed(p.alternatives(f))
		}
		return p.capture("", f)
	case p.take("#"):
		p.until(")", "the comment")
		return nil
	case p.take(":"):
		return p.closed(p.alternatives(f))
	case p.take("="):
		return p.wrap(opAhead, false, f)
	case p.take("!"):
		return p.wrap(opAhead, true, f)
	case p.take(">"):
		return p.wrap(opAtomic, false, f)
	case p.take("<="):
		return p.wrap(opBehind, false, f)
	case p.take("<!"):
		return p.wrap(opBehind, true, f)
	case p.take("<"):
		return p.capture(p.groupName(">"), f)
	case p.take("'"):
		return p.capture(p.groupName("'"), f)
	case p.take("P<"):
		p.fail("Ruby has no (?P<name>…): write (?<name>…)")
	case p.take("~"):
		p.fail("the absence operator (?~…) is not supported: write it as a negative look-ahead (?!…)")
	case p.take("("):
		return p.condition(f)
	}
	return p.options(f)
}

func (p *parser) closed(n *node) *node {
	if !p.take(")") {
		p.fail("a '(' has no ')'")
	}
	return n
}

func (p *parser) wrap(o op, not bool, f flags) *node {
	return p.closed(&node{op: o, not: not, subs: []*node{p.alternatives(f)}})
}

func (p *parser) capture(name string, f flags) *node {
	n := &node{op: opCapture, n: p.newGroup(name), name: name}
	n.subs = []*node{p.alternatives(f)}
	p.groups[n.n] = p.closed(n)
	return n
}

func (p *parser) groupName(end string) string {
	at := p.pos
	name := p.until(end, "the group's name")
	first, _ := utf8.DecodeRuneInString(name)
	bad := func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	}
	if name == "" || unicode.IsDigit(first) || strings.IndexFunc(name, bad) >= 0 {
		p.pos = at
		p.fail("'%s' is no group name: use letters, digits and '_'", name)
	}
	return name
}

// options reads (?imxadu-imx) and (?imxadu-imx:…). The former holds up to the end of the group around it,
// over its alternatives as well.
func (p *parser) options(f flags) *node {
	on := true
	for {
		switch r := p.next(); r {
		case 'i':
			f.fold = on
		case 'm':
			f.dotAll = on
		case 'x':
			f.extended = on
		case 'a', 'd', 'u':
			if !on {
				p.fail("the option '%c' cannot be switched off: set another one of a, d and u", r)
			}
			f.ascii, f.unicode = r == 'a', r == 'u'
		case '-':
			on = false
		case ')':
			return p.alternatives(f)
		case ':':
			return p.closed(p.alternatives(f))
		default:
			p.pos -= utf8.RuneLen(r)
			p.fail("unknown group '(?%c'", r)
		}
	}
}

// escape reads what follows a backslash outside of a class.
func (p *parser) escape(f flags) *node {
	switch r := p.next(); r {
	case 'A', 'G':
		return &node{op: opTextStart}
	case 'z':
		return &node{op: opTextEnd}
	case 'Z':
		return &node{op: opLastEnd}
	case 'b', 'B':
		return &node{op: opWordEdge, not: r == 'B', ascii: f.ascii}
	case 'R':
		return linebreak()
	case 'X':
		p.fail(`\X is not supported: write what it should match, or '.'`)
	case 'K':
		p.fail(`\K is not supported: write what stands before it as (?<=…)`)
	case 'g':
		return p.call()
	case 'k':
		return p.namedBackref(f)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if n := p.numberedBackref(f); n != nil {
			return n
		}
	}
	p.unread()
	if c := p.shorthand(f); c != nil {
		return &node{op: opSet, set: c}
	}
	return literal(p.character(), f)
}

// unread goes back over the character that next returned.
func (p *parser) unread() {
	_, size := utf8.DecodeLastRuneInString(p.src[:p.pos])
	p.pos -= size
}

// linebreak is \R: any line end, a pair of CR and LF never taken apart.
func linebreak() *node {
	one := func(r rune) *node { return &node{op: opSet, set: class{r, r}} }
	single := &node{op: opSet, set: class{'\n', '\r', 0x85, 0x85, 0x2028, 0x2029}}
	pair := &node{op: opCat, subs: []*node{one('\r'), one('\n')}}
	return &node{op: opAtomic, subs: []*node{{op: opAlt, subs: []*node{pair, single}}}}
}

func (p *parser) namedBackref(f flags) *node {
	at := p.pos + 1
	name, ok := p.quotedName()
	if !ok {
		p.fail(`\k needs a name: \k<name>`)
	}
	n, err := strconv.Atoi(name)
	switch {
	case err != nil:
		return &node{op: opBackref, name: name, fold: f.fold, n: at}
	case n < 0:
		n += len(p.names)
	}
	if n < 1 || p.named {
		p.pos = at
		p.fail("there is no group %s to refer back to", name)
	}
	return &node{op: opBackref, n: n, fold: f.fold}
}

// numberedBackref reads \n. More than one digit is a reference only when so many groups were opened;
// otherwise it is an octal character.
func (p *parser) numberedBackref(f flags) *node {
	from := p.pos - 1
	to := p.pos
	for to < len(p.src) && p.src[to] >= '0' && p.src[to] <= '9' {
		to++
	}
	n, err := strconv.Atoi(p.src[from:to])
	if err != nil || n > 9 && n >= len(p.names) {
		return nil
	}
	if p.named {
		p.fail(`with named groups refer back by name: \k<name>`)
	}
	p.pos = to
	return &node{op: opBackref, n: n, fold: f.fold}
}

// resolve turns names of back-references into numbers: the alternatives of all groups so called, the last
// first.
func (p *parser) resolve(n *node) {
	for _, s := range n.subs {
		p.resolve(s)
	}
	if n.op != opBackref {
		return
	}
	if n.name == "" {
		if n.n >= len(p.names) {
			p.fail("there is no group %d to refer back to", n.n)
		}
		return
	}
	var refs []*node
	for i := len(p.names) - 1; i > 0; i-- {
		if p.names[i] == n.name {
			refs = append(refs, &node{op: opBackref, n: i, fold: n.fold})
		}
	}
	switch len(refs) {
	case 0:
		p.pos = n.n
		p.fail("there is no group '%s' to refer back to", n.name)
	case 1:
		*n = *refs[0]
	default:
		*n = node{op: opAlt, subs: refs}
	}
}
