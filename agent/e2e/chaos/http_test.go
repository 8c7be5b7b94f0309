package chaos

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// What a client of the input http was told to be taken is on disk by then: an agent that is killed at random
// loses none of it. The client sends again what it got no answer for.
func TestWhatHTTPHasTakenIsNotLost(t *testing.T) {
	for name, keys := range map[string][2]string{
		"files":    {"    storage.path DIR/store\n", "    storage.type filesystem\n"},
		"delivery": {"", "    wait_for_delivery on\n"},
	} {
		port := 21980 + len(name)
		t.Run(name, func(t *testing.T) {
			s := newStorm(t)
			s.configure(service + keys[0] + toStdout + fmt.Sprintf("[INPUT]\n    name http\n    listen 127.0.0.1\n    port %d\n%s", port, keys[1]))
			s.Start()
			c := &poster{url: fmt.Sprintf("http://127.0.0.1:%d/log", port), stop: make(chan bool), done: make(chan bool)}
			go c.run()
			for range lines(8, 200) {
				time.Sleep(time.Duration(s.rnd.IntN(200)) * time.Millisecond)
				switch s.rnd.IntN(4) {
				case 0:
					s.Unblock()
					s.Continue()
					s.Terminate()
					s.Start()
				case 1:
					s.pause()
				default:
					s.Continue()
					s.Kill()
					s.Start()
				}
			}
			close(c.stop)
			s.Continue()
			s.Unblock()
			<-c.done
			s.Until("all lines", func() bool { return s.Tally.Distinct() >= c.next })
			s.Terminate()
			s.Close()
			r := s.Tally.Of(c.next)
			t.Logf("%d lines in %d requests, %d of them sent again; agent killed %d, terminated %d, stopped %d, output blocked %d times; lost %d, duplicated %d; %.1f s",
				c.next, c.requests, c.again, s.Kills, s.Terminations, s.Stops, s.Blocks, len(r.Lost), r.Duplicated, time.Since(s.begin).Seconds())
			if len(r.Lost)+len(r.Strange) > 0 {
				t.Errorf("lost: %v, strange: %q", r.Lost[:min(20, len(r.Lost))], r.Strange)
			}
		})
	}
}

// poster posts numbered lines, some at a time, and goes on when they were taken.
type poster struct {
	url             string
	next            int // the number of the next line
	requests, again int
	stop, done      chan bool
}

func (p *poster) run() {
	defer close(p.done)
	client := http.Client{Timeout: 2 * time.Second}
	for taken := true; ; time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.stop:
			if taken { // else the last lines may have come, or not
				return
			}
		default:
		}
		var body []byte
		n := 1 + p.next%100
		for i := range n {
			body = append(AppendLine(append(body, `{"log":"`...), p.next+i), `"}`...)
		}
		p.requests++
		if taken = p.post(&client, body); taken {
			p.next += n
		} else {
			p.again++
		}
	}
}

func (p *poster) post(client *http.Client, body []byte) bool {
	resp, err := client.Post(p.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusCreated
}
