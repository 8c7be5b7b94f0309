package poll

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// api serves items 0 … n-1, two a page, and fails the first requests.
func api(t *testing.T, n, failures int) *httptest.Server {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= int64(failures) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("after"))
		var items []string
		for i := from; i < min(from+2, n); i++ {
			items = append(items, fmt.Sprintf(`{"n":%d}`, i))
		}
		fmt.Fprintf(w, `{"items":[%s],"next":"%d"}`, strings.Join(items, ","), from+len(items))
	}))
	t.Cleanup(s.Close)
	return s
}

func numbers(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf(`{"n":%d}`, i))
	}
	return list
}

func TestConforms(t *testing.T) {
	plugintest.Conform(t, Plugin, "url http://127.0.0.1:1/", "state "+filepath.Join(t.TempDir(), "state"))
}

func TestEveryItemComesOnceAlsoAfterARestart(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	h := plugintest.New(t)
	first := h.Input(Plugin, "url "+api(t, 5, 0).URL, "state "+state, "interval 0.01")
	if got := first.Wait(5); !slices.Equal(got, numbers(0, 5)) {
		t.Errorf("%q", got)
	}
	first.Close()
	second := h.Input(Plugin, "url "+api(t, 9, 0).URL, "state "+state, "interval 0.01")
	if got := second.Wait(4); !slices.Equal(got, numbers(5, 9)) {
		t.Errorf("after a restart: %q", got)
	}
}

func TestWhatIsNotSafeComesAgain(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	h := plugintest.New(t)
	first := h.Input(Plugin, "url "+api(t, 6, 0).URL, "state "+state, "interval 0.01")
	first.Wait(6)
	first.Close() // all is settled
	os.Remove(state)

	held := h.Input(Plugin, "url "+api(t, 6, 0).URL, "state "+state, "interval 0.01")
	held.Hold()
	bodies := held.Wait(6)
	held.Close()
	if b, err := os.ReadFile(state); err == nil && strings.TrimSpace(string(b)) == "6" {
		t.Error("the place was kept although nothing is safe")
	}
	held.Settle(event.Delivered)
	if len(bodies) != 6 {
		t.Errorf("%q", bodies)
	}
}

func TestAnAPIThatFailsIsAskedAgain(t *testing.T) {
	h := plugintest.New(t)
	in := h.Input(Plugin, "url "+api(t, 2, 3).URL, "state "+filepath.Join(t.TempDir(), "state"), "interval 0.01")
	if got := in.Wait(2); !slices.Equal(got, numbers(0, 2)) {
		t.Errorf("%q", got)
	}
	if n := strings.Count(h.Log(), "the API fails"); n != 1 {
		t.Errorf("it was logged %d times:\n%s", n, h.Log())
	}
}

func TestFaultsOfAConfiguration(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		err := plugintest.Err(plugintest.New(t), Plugin, lines...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
	}
	f("the property 'url' is missing")
	f("url: 'here' is no URL", "url here", "state x")
	f("interval: must be more than 0", "url http://a/", "state x", "interval 0")
}
