package chaos

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What an agent with file storage has accepted over HTTP it delivers, however often it is killed meanwhile:
// it answers when the records are stored, and clients send again what was not answered.
func TestAcceptedRequestsSurviveKills(t *testing.T) {
	s := newStorm(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // the agent takes it
	_, port, _ := net.SplitHostPort(address)
	s.configure(service + "    storage.path DIR/store\n" + toStdout +
		"[INPUT]\n    name http\n    listen 127.0.0.1\n    port " + port + "\n    storage.type filesystem\n")
	s.Start()
	const clients = 8
	total := lines(20_000, 500_000) / clients
	var sending sync.WaitGroup
	for c := range clients {
		sending.Go(func() {
			client := http.Client{Timeout: 5 * time.Second}
			for n := c * total; n < (c+1)*total; n += 5 {
				var body []string
				for i := n; i < min(n+5, (c+1)*total); i++ {
					body = append(body, fmt.Sprintf(`{"log":%s}`, strconv.Quote(string(AppendLine(nil, i)))))
				}
				post(t, &client, "http://"+address+"/t", "["+strings.Join(body, ",")+"]")
			}
		})
	}
	done := make(chan struct{})
	go func() { sending.Wait(); close(done) }()
	for running := true; running; {
		before := s.Tally.Distinct()
		select {
		case <-done:
			running = false
		case <-time.After(time.Duration(s.rnd.IntN(100)) * time.Millisecond): // one of the dice
			if s.Tally.Distinct() > before { // otherwise it has not begun yet
				s.Kill()
				s.Start()
			}
		}
	}
	s.Until("all that was accepted", func() bool { return s.Tally.Distinct() >= clients*total })
	if code := s.Terminate(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.Close()
	r := s.Tally.Of(clients * total)
	t.Logf("%d lines, killed %d times, duplicated %d", clients*total, s.Kills, r.Duplicated)
	if len(r.Lost)+len(r.Strange) > 0 {
		t.Errorf("lost %v, strange %q", r.Lost, r.Strange)
	}
}

// post sends until it is accepted.
func post(t *testing.T, client *http.Client, url, body string) {
	for end := time.Now().Add(Patience); ; time.Sleep(5 * time.Millisecond) {
		resp, err := client.Post(url, "application/json", bytes.NewReader([]byte(body)))
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode < 300 {
				return
			}
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
		if time.Now().After(end) {
			t.Errorf("nobody takes the records: %v", err)
			return
		}
	}
}
