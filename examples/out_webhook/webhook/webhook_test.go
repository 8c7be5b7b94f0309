package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// receiver notes what was posted and answers as answer says, for the n-th request.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func receive(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.bodies = append(r.bodies, req.Header.Get("Authorization")+string(body))
		n := len(r.bodies)
		r.mu.Unlock()
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, Plugin, "url http://127.0.0.1:1/", "timeout 1")
}

func TestRecordsArePostedInBatches(t *testing.T) {
	h := plugintest.New(t)
	r := receive(t, nil)
	if err := h.Output(Plugin, "url "+r.URL, "batch 2", "token s3cret").Flush(`{"n":1}`, `{"n":2}`, `{"n":"é"}`); err != nil {
		t.Fatal(err)
	}
	if want := []string{`Bearer s3cret[{"n":1},{"n":2}]`, `Bearer s3cret[{"n":"\u00e9"}]`}; !slices.Equal(r.bodies, want) {
		t.Errorf("%q, want %q", r.bodies, want)
	}
	if m := h.Metrics(); !strings.Contains(m, `fluentbit_output_posts_total{name="webhook.0"} 2`) {
		t.Error(m)
	}
}

func TestBusyServerGetsTheChunkAgain(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		h := plugintest.New(t)
		r := receive(t, func(n int, w http.ResponseWriter) {
			if n < 3 {
				w.WriteHeader(status)
			}
		})
		if attempts, err := h.Output(Plugin, "url "+r.URL).Deliver(`{"n":1}`); attempts != 3 || err != nil {
			t.Errorf("%d: %d attempts, %v", status, attempts, err)
		}
	}
}

func TestRefusedChunkIsNotTriedAgain(t *testing.T) {
	h := plugintest.New(t)
	r := receive(t, func(_ int, w http.ResponseWriter) { http.Error(w, "who are you?", http.StatusUnauthorized) })
	attempts, err := h.Output(Plugin, "url "+r.URL).Deliver(`{"n":1}`)
	if attempts != 1 || !plugin.Dropped(err) || !strings.Contains(err.Error(), "401 Unauthorized: who are you?") {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

func TestRefusedRecordsAreNamedByTheirPlaceInTheChunk(t *testing.T) {
	h := plugintest.New(t)
	r := receive(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprint(w, `{"rejected":[{"index":1,"error":"too odd"},{"index":9,"error":"none"}]}`)
	})
	err := h.Output(Plugin, "url "+r.URL, "batch 2").Flush(`{"n":0}`, `{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`)
	if got := plugin.Rejected(err); got == nil || !slices.Equal(got.Records, []int{1, 3}) || got.Err.Error() != "too odd" {
		t.Error(err)
	}
}

func TestNoAnswerIsAPlainError(t *testing.T) {
	err := plugintest.New(t).Output(Plugin, "url http://127.0.0.1:1/").Flush(`{"n":1}`)
	if err == nil || plugin.Dropped(err) {
		t.Error(err)
	}
}

func TestFaultsOfAConfiguration(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		err := plugintest.Err(plugintest.New(t), Plugin, lines...)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
	}
	f("test.conf:1: the property 'url' is missing; set it: Where records are posted to.")
	f("test.conf:1:5: url: 'logs.example.com' is no URL such as https://logs.example.com/in", "url logs.example.com")
	f("test.conf:2:7: batch: '0' is not between 1 and 10000", "url http://a/", "batch 0")
	f("test.conf:2:1: unknown configuration property 'tokn'; did you mean 'token'?", "url http://a/", "tokn x")
}

func TestAnswersAreJSON(t *testing.T) {
	var all []any
	h := plugintest.New(t)
	r := receive(t, nil)
	if err := h.Output(Plugin, "url "+r.URL).FlushChunk(h.Chunk(`{"a":[1,null,{"b":"\""}]}`, `{}`)); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.bodies[0]), &all); err != nil || len(all) != 2 {
		t.Error(errors.Join(err, fmt.Errorf("%q", r.bodies)))
	}
}
