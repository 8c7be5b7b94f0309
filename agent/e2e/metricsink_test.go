package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/compression"
	"github.com/fluent/fluent-bit-go/agent/internal/remotewrite"
)

// metricsink PORT FILE: a server for Prometheus' remote write protocol. FILE gets a line for each sample:
// name, labels, value and time in milliseconds. A GET is answered with 200, so that `until fetch` can wait for it.
func metricsink(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: metricsink PORT FILE")
	}
	var mu sync.Mutex
	return http.ListenAndServe("127.0.0.1:"+args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		text, err := samples(r)
		if err == nil {
			err = appendFile(args[1], text)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
}

func samples(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	body, err = compression.Expand(compression.Kind(r.Header.Get("Content-Encoding")), body, 64<<20)
	if err != nil {
		return nil, err
	}
	req, err := remotewrite.Parse(body)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, s := range req.Series {
		for _, x := range s.Samples {
			fmt.Fprintf(&out, "%s %v %v %d\n", s.Name, s.Labels, x.Value, x.Time)
		}
	}
	return out.Bytes(), nil
}

func appendFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(text)
	return err
}

// page PORT FILE [SECONDS]: an HTTP server whose answer is FILE, each time as it is then, after so many seconds.
func page(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: page PORT FILE [SECONDS]")
	}
	var wait time.Duration
	if len(args) > 2 {
		var err error
		if wait, err = time.ParseDuration(args[2] + "s"); err != nil {
			return err
		}
	}
	return http.ListenAndServe("127.0.0.1:"+args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
		}
		http.ServeFile(w, r, args[1])
	}))
}

// datagram ADDRESS FILE: send FILE as one UDP datagram.
func datagram(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: datagram ADDRESS FILE")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write(text)
	return err
}
