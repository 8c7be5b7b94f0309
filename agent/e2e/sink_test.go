package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// sink PORT FILE [STATUS...]: an HTTP server that answers what is sent to it with the given statuses in turn,
// and then with 200. What it accepts goes to FILE, each body ended with a line end; FILE.req gets a line for
// each request: method, path, status, content type. A GET is answered with 200, so that `until fetch` can wait
// for the server.
func sink(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: sink PORT FILE [STATUS...]")
	}
	s := &httpSink{file: args[1], answers: args[2:]}
	return http.ListenAndServe("127.0.0.1:"+args[0], s)
}

type httpSink struct {
	mu      sync.Mutex
	file    string
	answers []string
}

func (s *httpSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status := http.StatusOK
	if len(s.answers) > 0 {
		status, _ = strconv.Atoi(s.answers[0])
		s.answers = s.answers[1:]
	}
	s.write(s.file+".req", fmt.Appendf(nil, "%s %s %d %s", r.Method, r.URL.RequestURI(), status, r.Header.Get("Content-Type")))
	if status < 300 {
		s.write(s.file, body)
	}
	w.WriteHeader(status)
}

// write appends one line.
func (s *httpSink) write(path string, line []byte) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	if !bytes.HasSuffix(line, []byte("\n")) {
		line = append(line, '\n')
	}
	if _, err := f.Write(line); err != nil {
		panic(err)
	}
}
