package sql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fluent/fluent-bit-go/option"
)

func (p *parser) create(kind Kind, properties ...string) {
	p.q.Kind = kind
	p.q.Name = p.name("a name", "write a name that begins with a letter and holds letters, digits, _ and .")
	p.q.With = map[string]string{}
	if p.accept("WITH") {
		p.expect("(", "write WITH (tag='name')")
		for {
			p.property(properties)
			if !p.accept(",") {
				break
			}
		}
		p.expect(")", "close the list behind WITH")
	}
	p.expect("AS", "write AS SELECT … behind the name")
	from := p.peek().at
	p.selection()
	if kind != CreateStream {
		p.checkSnapshot(from)
	}
}

func (p *parser) property(known []string) {
	at := p.peek()
	key := strings.ToLower(p.name("a property", "one of "+strings.Join(known, ", ")))
	if !slices.Contains(known, key) {
		cure := option.Suggest(key, known)
		if cure == "" {
			cure = "the properties are " + strings.Join(known, ", ")
		}
		p.fail(at.at, cure, "there is no property '%s'", at.text)
	}
	p.expect("=", "write "+key+"='value'")
	v := p.next()
	if v.kind != tokText {
		p.i--
		p.unexpected("a text in single quotes", "write "+key+"='value'")
	}
	bad := ""
	switch key {
	case "routable":
		if _, err := option.ParseBool(v.text); err != nil {
			bad = "on or off"
		}
	case "storage.type":
		if !slices.Contains([]string{"memory", "filesystem", "memrb"}, v.text) {
			bad = "memory, filesystem or memrb"
		}
	case "seconds":
		if n, err := strconv.Atoi(v.text); err != nil || n < 1 {
			bad = "a number of seconds from 1"
		}
	}
	if bad != "" {
		p.fail(v.at, "write "+bad, "%s: '%s' is not %s", key, v.text, bad)
	}
	p.q.With[key] = v.text
}

// checkSnapshot makes sure that a snapshot is what it can be: whole records, and not without end.
func (p *parser) checkSnapshot(at int) {
	q := p.q
	switch {
	case len(q.Columns) != 1 || q.Columns[0].Func != Plain || q.Columns[0].Path >= 0:
		p.fail(at, "write SELECT *", "a snapshot holds whole records")
	case len(q.GroupBy) > 0 || q.Window != Window{}:
		p.fail(at, "leave WINDOW and GROUP BY out", "a snapshot has no windows and groups")
	case q.Kind == CreateSnapshot && q.where != nil:
		p.fail(at, "put the condition into FLUSH SNAPSHOT, which says when the snapshot is let go", "a snapshot has no condition")
	case q.Kind == CreateSnapshot && q.Limit == 0 && q.With["seconds"] == "":
		p.fail(at, "add LIMIT n, or WITH (seconds='n')", "the snapshot has no size")
	}
}
