package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// answer ADDRESS DIR: be an HTTP server that answers each request for a path, whatever its method, with the file
// of that name in DIR, until it is ended. A file `path@VALUE` is for requests with the query ?KEY=VALUE alone, and `path@` for
// a path that is a folder as well.
func answer(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: answer ADDRESS DIR")
	}
	return http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Join(args[1], filepath.Clean(r.URL.Path))
		if _, value, ok := strings.Cut(r.URL.RawQuery, "="); ok {
			name += "@" + value
		}
		text, err := os.ReadFile(name)
		if err != nil {
			text, err = os.ReadFile(name + "@")
		}
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(bytes.TrimSuffix(text, []byte("\n")))
	}))
}
