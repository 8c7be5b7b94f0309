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
		if err := CheckHeader(name, value); err != nil {
			return nil, err
		}
		h.Set(name, value)
	}
	return h, nil
}

// CheckHeader finds a header that cannot be sent: what ends lines in it would begin another header or request.
func CheckHeader(name, value string) error {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c) }) {
		return fmt.Errorf("'%s' is no name of a header", name)
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return fmt.Errorf("the value of the header '%s' holds a line end or another control character", name)
	}
	return nil
}
