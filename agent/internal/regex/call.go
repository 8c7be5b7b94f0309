package regex

import "strconv"

// maxCalled is how many nodes calls may add to a pattern.
const maxCalled = 10000

// call reads what follows \g: the name, or without named groups the number, of a group. Its pattern then stands here
// once more, as a group of the same name. So the group must be complete: one that calls itself would never end.
func (p *parser) call() *node {
	at := p.pos
	name, ok := p.quotedName()
	if !ok {
		p.fail(`\g needs the name of a group: \g<name>`)
	}
	n := p.groupCalled(name, at)
	if p.groups[n] == nil {
		p.pos = at
		p.fail("the group '%s' would call itself, which is not supported: write out as many levels as there may be", name)
	}
	return p.copyOf(p.groups[n])
}

// quotedName reads <name> or 'name'.
func (p *parser) quotedName() (name string, ok bool) {
	switch {
	case p.take("<"):
		return p.until(">", "the name of a group"), true
	case p.take("'"):
		return p.until("'", "the name of a group"), true
	}
	return "", false
}

// groupCalled returns the number of the one group of that name or number among those that began before.
func (p *parser) groupCalled(name string, at int) int {
	found := 0
	for n := 1; n < len(p.names); n++ {
		if p.copied[n] || p.names[n] != name && (p.named || strconv.Itoa(n) != name) {
			continue
		}
		if found > 0 {
			p.pos = at
			p.fail("there are several groups '%s'; give the one that you mean a name of its own", name)
		}
		found = n
	}
	if found == 0 {
		p.pos = at
		p.fail("there is no group '%s' before this place; move the group before it", name)
	}
	return found
}

// copyOf returns n again, its captures with numbers of their own.
func (p *parser) copyOf(n *node) *node {
	if p.called++; p.called > maxCalled {
		p.fail(`calls \g<…> make the pattern too large`)
	}
	c := *n
	if n.op == opCapture {
		c.n = p.newGroup(n.name)
		p.copied[c.n] = true
	}
	c.subs = make([]*node, len(n.subs))
	for i, s := range n.subs {
		c.subs[i] = p.copyOf(s)
	}
	return &c
}

// newGroup returns the number of a group that begins here.
func (p *parser) newGroup(name string) int {
	p.names = append(p.names, name)
	p.groups = append(p.groups, nil)
	p.copied = append(p.copied, false)
	return len(p.names) - 1
}

// condition reads what follows (?( : a group, and what is to match if it took part, and if not.
func (p *parser) condition(f flags) *node {
	at := p.pos
	name, ok := p.quotedName()
	if !ok {
		name = p.until(")", "the condition")
	} else if !p.take(")") {
		p.fail("the condition has no closing ')'")
	}
	c := &node{op: opIfGroup, n: p.groupCalled(name, at)}
	c.subs = append(c.subs, p.sequence(f))
	if p.take("|") {
		c.subs = append(c.subs, p.sequence(f))
	}
	return p.closed(c)
}
