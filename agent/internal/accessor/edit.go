package accessor

import "github.com/fluent/fluent-bit-go/event"

// AppendSet appends body with the value that the accessor names replaced by val; done is false, and dst
// comes back as it was, when that cannot be: the accessor names no key, or what is above its last step is
// not there or is of another form. A key that is missing in its map is added at the end.
func (a *Accessor) AppendSet(dst []byte, body, val event.Value) (out []byte, done bool) {
	path := a.path()
	if path == nil {
		return dst, false
	}
	out, done = appendEdited(dst, body, path, val)
	return out[:choose(done, len(out), len(dst))], done
}

// AppendDelete appends body without what the accessor names; done is false, and dst comes back as it was,
// when that is not there.
func (a *Accessor) AppendDelete(dst []byte, body event.Value) (out []byte, done bool) {
	path := a.path()
	if path == nil || get(body, path) == nil {
		return dst, false
	}
	return appendEdited(dst, body, path, nil)
}

func choose(yes bool, a, b int) int {
	if yes {
		return a
	}
	return b
}

func (a *Accessor) path() []step {
	for i := range a.parts {
		if a.parts[i].kind == kindKey {
			return a.parts[i].path
		}
	}
	return nil
}

// Top returns the key of the record that the accessor goes through first; alone tells that it goes no
// further. It is "" when the accessor names no key.
func (a *Accessor) Top() (key string, alone bool) {
	path := a.path()
	if path == nil {
		return "", false
	}
	return path[0].key, len(path) == 1
}

// appendEdited copies v; at the end of path it puts val, or nothing when val is nil. Of a key that is there
// twice, the last one is followed and both are removed.
func appendEdited(dst []byte, v event.Value, path []step, val event.Value) (out []byte, done bool) {
	last := len(path) == 1
	if path[0].index >= 0 {
		return appendElement(dst, v, path, val)
	}
	if v.Type() != event.TypeMap {
		return dst, false
	}
	target, n, count := -1, 0, 0
	for k := range v.Pairs() {
		if (event.Field{Key: k}).Is(path[0].key) {
			target = n
			count++
		}
		n++
	}
	switch {
	case target < 0 && (!last || val == nil):
		return dst, false
	case target < 0:
		dst = event.AppendMap(dst, n+1)
	case last && val == nil:
		dst = event.AppendMap(dst, n-count)
	default:
		dst = event.AppendMap(dst, n)
	}
	i := -1
	for k, old := range v.Pairs() {
		i++
		hit := (event.Field{Key: k}).Is(path[0].key)
		switch {
		case !hit || i != target && !(last && val == nil):
			dst = append(append(dst, k...), old...)
		case last && val == nil:
		case last:
			dst = append(append(dst, k...), val...)
		default:
			if dst, done = appendEdited(append(dst, k...), old, path[1:], val); !done {
				return dst, false
			}
		}
	}
	if target < 0 {
		dst = append(event.AppendStr(dst, path[0].key), val...)
	}
	return dst, true
}

func appendElement(dst []byte, v event.Value, path []step, val event.Value) (out []byte, done bool) {
	at, last := path[0].index, len(path) == 1
	if v.Type() != event.TypeArray || at >= v.Len() {
		return dst, false
	}
	dst = event.AppendArray(dst, v.Len()-choose(last && val == nil, 1, 0))
	i := -1
	for old := range v.Elems() {
		i++
		switch {
		case i != at:
			dst = append(dst, old...)
		case last:
			dst = append(dst, val...)
		default:
			if dst, done = appendEdited(dst, old, path[1:], val); !done {
				return dst, false
			}
		}
	}
	return dst, true
}
