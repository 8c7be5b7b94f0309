package httpclient

import (
	"fmt"
	"net/http"
	"strings"
)

// Header makes a header of what is configured: a name and the words of its value each. Of several with one
// name the last counts.
func Header(lists [][]string) (http.Header, error) {
	h := http.Header{}
	for _, l := range lists {
		name, value := l[0], strings.Join(l[1:], " ")
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
			return nil, fmt.Errorf("'%s' is no name of a header", name)
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("the value of the header '%s' holds a line end", name)
		}
		h.Set(name, value)
	}
	return h, nil
}
