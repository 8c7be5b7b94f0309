package regex

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shorthand reads the rest of \d, \w, \p{…} and their like; nil, with nothing read, when it is none.
func (p *parser) shorthand(f flags) class {
	at := p.pos
	r := p.next()
	var c class
	switch r {
	case 'd', 'D':
		c = f.choose(digits, "digit")
	case 'h', 'H':
		c = hexes
	case 's', 'S':
		c = f.choose(blanks, "space")
	case 'w', 'W':
		c = f.choose(words, "word")
	case 'p', 'P':
		c = p.property(f)
	default:
		p.pos = at
		return nil
	}
	if r >= 'A' && r <= 'Z' {
		return c.negate()
	}
	return c
}

// choose returns the characters that a shorthand such as \d stands for.
func (f flags) choose(ascii class, name string) class {
	if f.unicode {
		return bracket(name)
	}
	return ascii
}

func (p *parser) property(f flags) class {
	if !p.take("{") {
		p.fail(`\p needs a name: \p{Alpha}`)
	}
	at := p.pos
	name := p.until("}", "the name of a property")
	bare, not := strings.CutPrefix(name, "^")
	c := property(bare)
	if c == nil {
		p.pos = at
		p.fail("unknown property '%s'", bare)
	}
	if f.fold {
		c = c.fold()
	}
	if not {
		return c.negate()
	}
	return c
}

// character reads the rest of an escape that stands for one character.
func (p *parser) character() rune {
	switch r := p.next(); r {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	case 'v':
		return '\v'
	case 'a':
		return '\a'
	case 'e':
		return 0x1b
	case 'x':
		return p.hex()
	case 'u':
		return p.number(16, 4, 4)
	case 'c':
		return p.next() & 0x1f
	case 'C', 'M':
		if p.take("-") {
			if r == 'M' {
				p.fail(`\M- is not supported: write the character itself`)
			}
			return p.next() & 0x1f
		}
		return r
	case '0', '1', '2', '3', '4', '5', '6', '7':
		p.pos--
		return p.number(8, 1, 3)
	default:
		return r
	}
}

// number reads between lo and hi digits.
func (p *parser) number(base, lo, hi int) rune {
	end := p.pos
	for end < len(p.src) && end-p.pos < hi && isDigit(p.src[end], base) {
		end++
	}
	if end-p.pos < lo {
		p.fail("%d digits of base %d should follow", lo, base)
	}
	n, err := strconv.ParseUint(p.src[p.pos:end], base, 32)
	if err != nil || n > maxRune || !utf8.ValidRune(rune(n)) {
		p.fail("'%s' is no character", p.src[p.pos:end])
	}
	p.pos = end
	return rune(n)
}

func isDigit(c byte, base int) bool {
	_, err := strconv.ParseUint(string(c), base, 8)
	return err == nil
}

// hex reads what follows \x: {…}, or two digits. Those beyond ASCII are bytes of UTF-8, of which several
// make one character.
func (p *parser) hex() rune {
	if p.take("{") {
		r := p.number(16, 1, 8)
		if !p.take("}") {
			p.fail(`\x{ has no closing '}'`)
		}
		return r
	}
	r := p.number(16, 1, 2)
	if r < utf8.RuneSelf {
		return r
	}
	bytes := []byte{byte(r)}
	for !utf8.FullRune(bytes) && p.take(`\x`) {
		bytes = append(bytes, byte(p.number(16, 2, 2)))
	}
	c, size := utf8.DecodeRune(bytes)
	if c == utf8.RuneError || size != len(bytes) {
		p.fail(`bytes \x80 to \xff must make up a UTF-8 character`)
	}
	return c
}

// class reads what follows '[' up to and including the closing ']'.
func (p *parser) class(f flags) class {
	if p.depth++; p.depth > maxNesting {
		p.fail("classes nest deeper than %d", maxNesting)
	}
	defer func() { p.depth-- }()
	not := p.take("^")
	var pairs []rune
	result := class(nil)
	both := false // && was seen: result holds what stood before it
	finish := func() class {
		c := merge(pairs)
		if f.fold {
			c = c.fold()
		}
		if both {
			c = result.intersect(c)
		}
		return c
	}
	for first := true; ; first = false {
		switch {
		case !p.more():
			p.fail("a '[' has no ']'")
		case p.take("]"):
			if first && strings.IndexByte(p.src[p.pos:], ']') >= 0 {
				pairs = p.item(']', pairs, f) // Ruby takes it as a character of the class
				continue
			}
			if first {
				p.fail("the class [] is empty")
			}
			if c := finish(); not {
				return c.negate()
			}
			return finish()
		case p.take("&&"):
			result, pairs, both = finish(), nil, true
		case p.take("[:"):
			if c := p.posix(f); c != nil {
				pairs = append(pairs, c...)
				continue
			}
			p.pos--
			pairs = append(pairs, p.class(f)...)
		case p.take("["):
			pairs = append(pairs, p.class(f)...)
		case p.take(`\`):
			if c := p.shorthand(f); c != nil {
				pairs = append(pairs, c...)
				continue
			}
			pairs = p.item(p.classEscape(), pairs, f)
		default:
			pairs = p.item(p.next(), pairs, f)
		}
	}
}

// classEscape is character for use in a class, where \b is a backspace.
func (p *parser) classEscape() rune {
	if p.take("b") {
		return '\b'
	}
	if p.take("R") || p.take("X") {
		p.pos--
		p.fail(`\%c cannot stand in a class`, p.src[p.pos])
	}
	return p.character()
}

// posix reads the rest of [:name:]; nil, with nothing read, when it is none.
func (p *parser) posix(f flags) class {
	name, _, ok := strings.Cut(p.src[p.pos:], ":]")
	if !ok || len(name) > len("^xdigit") {
		return nil
	}
	bare, not := strings.CutPrefix(name, "^")
	c := bracket(bare)
	if c == nil {
		return nil
	}
	p.pos += len(name) + len(":]")
	if f.ascii {
		c = c.intersect(class{0, unicode.MaxASCII})
	}
	if not {
		return c.negate()
	}
	return c
}

// item adds lo, or the range that begins with it.
func (p *parser) item(lo rune, pairs []rune, f flags) []rune {
	rest := p.src[p.pos:]
	if len(rest) < 2 || rest[0] != '-' || rest[1] == ']' || rest[1] == '[' || strings.HasPrefix(rest[1:], "&&") {
		return append(pairs, lo, lo)
	}
	at := p.pos
	p.pos++
	if p.take(`\`) {
		if c := p.shorthand(f); c != nil { // [a-\d]: the dash is a dash
			return append(append(pairs, lo, lo, '-', '-'), c...)
		}
		return p.span(lo, p.classEscape(), at, pairs)
	}
	return p.span(lo, p.next(), at, pairs)
}

func (p *parser) span(lo, hi rune, at int, pairs []rune) []rune {
	if hi < lo {
		p.pos = at
		p.fail("the range %c-%c is empty", lo, hi)
	}
	return append(pairs, lo, hi)
}
