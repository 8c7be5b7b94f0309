package event

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeysAreFoundInOneWalk(t *testing.T) {
	f := func(body, want string, names ...string) {
		t.Helper()
		v, _, err := ParseJSON(nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		found := make([]Value, len(names))
		NewKeys(names...).Find(v, found)
		var got []string
		for _, x := range found {
			if x == nil {
				got = append(got, "-")
			} else {
				got = append(got, string(AppendJSON(nil, x, JSONStyle{})))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s in %s: %s, want %s", names, body, s, want)
		}
	}
	f(`{"a":1,"bb":[2],"c":{"a":3}}`, `1 [2] - {"a":3}`, "a", "bb", "no", "c")
	f(`{"a":1,"a":2}`, `2 2`, "a", "a")
	f(`{"":7,"`+strings.Repeat("k", 40)+`":8}`, `7 8`, "", strings.Repeat("k", 40))
	f(`[1,2]`, `-`, "a")
	f(`{}`, `-`, "a")
}

func TestKeysAgreeWithGet(t *testing.T) {
	var names []string
	for i := range 64 {
		names = append(names, strings.Repeat("k", i%35)+fmt.Sprint(i%7))
	}
	body := AppendMap(nil, 0)
	body = body[:0]
	body = AppendMap(body, 100)
	for i := range 99 {
		body = AppendInt(AppendStr(body, strings.Repeat("k", i%36)+fmt.Sprint(i%7)), int64(i))
	}
	body = AppendNil(AppendInt(body, 5)) // a key that is no text
	found := make([]Value, len(names))
	NewKeys(names...).Find(body, found)
	for i, n := range names {
		if want := Value(body).Get(n); string(want) != string(found[i]) {
			t.Errorf("%q: % x, want % x", n, found[i], want)
		}
	}
}
