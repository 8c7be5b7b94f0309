package kubernetes

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cluster is an API server, and a kubelet too.
type cluster struct {
	mu     sync.Mutex
	pods   map[string]string // by NAMESPACE/NAME
	token  string            // it insists on it
	asked  []string          // paths
	events chan string       // of watches
	hang   chan struct{}     // it does not answer until this is closed
}

func newCluster() *cluster {
	return &cluster{pods: map[string]string{"shop/web-1": podJSON("shop", "web-1", `"a":"b"`)}, events: make(chan string, 10)}
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.URL.RequestURI())
	hang, token := c.hang, c.token
	c.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		return
	}
	if token != "" && r.Header.Get("Authorization") != "Bearer "+token {
		http.Error(w, `{"kind":"Status","code":401}`, http.StatusUnauthorized)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Query().Get("watch") != "":
		c.serveWatch(w, r)
	case r.URL.Path == "/pods" || r.URL.Path == "/api/v1/pods":
		fmt.Fprint(w, c.list())
	case len(parts) == 6: // api/v1/namespaces/NS/pods/POD
		c.answer(w, parts[3]+"/"+parts[5])
	case len(parts) == 4:
		fmt.Fprintf(w, `{"kind":"Namespace","metadata":{"name":%q,"labels":{"team":"blue"}}}`, parts[3])
	default:
		http.NotFound(w, r)
	}
}

func (c *cluster) answer(w http.ResponseWriter, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.pods[key]; ok {
		fmt.Fprint(w, p)
		return
	}
	http.Error(w, `{"kind":"Status","code":404}`, http.StatusNotFound)
}

func (c *cluster) list() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var items []string
	for _, p := range c.pods {
		items = append(items, p)
	}
	return `{"kind":"PodList","metadata":{"resourceVersion":"100"},"items":[` + strings.Join(items, ",") + `]}`
}

func (c *cluster) serveWatch(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-c.events:
			if e == "end" {
				return
			}
			fmt.Fprintln(w, strings.ReplaceAll(e, "\n", " "))
			w.(http.Flusher).Flush()
		}
	}
}

// questions returns how often a path with the given part was asked for.
func (c *cluster) questions(part string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

func serve(t *testing.T, c *cluster) string {
	t.Helper()
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return "kube_url " + s.URL
}

// eventually waits for a record to become want.
func eventually(t *testing.T, f *filter, want string) {
	t.Helper()
	var got string
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = pass(t, f, shopTag, `{"a":1}`); strings.Contains(got, want) {
			return
		}
	}
	t.Fatalf("got %s, want %s in it", got, want)
}

func TestThePodIsAskedForOnce(t *testing.T) {
	c := newCluster()
	k, log := build(t, serve(t, c), "namespace_labels on")
	for range 5 {
		if got := pass(t, k, shopTag, `{"a":1}`, `{"a":2}`); got != `{"a":1,`+fromAPI+`,"kubernetes_namespace":{"name":"shop","labels":{"team":"blue"}}}`+"\n"+`{"a":2,`+fromAPI+`,"kubernetes_namespace":{"name":"shop","labels":{"team":"blue"}}}` {
			t.Fatalf("%s, log %s", got, log)
		}
	}
	if n := c.questions(""); n != 2 {
		t.Errorf("asked %d times", n)
	}
	for range 3 { // a pod that is not there is asked for once in a while
		if got := pass(t, k, strings.Replace(shopTag, "web-1", "web-2", 1), `{"a":1}`); !strings.Contains(got, `"kubernetes":{"pod_name":"web-2","namespace_name":"shop","container_name":"app","docker_id":`) {
			t.Fatal(got)
		}
	}
	// What stands in a tag stays one part of the path.
	pass(t, k, "kube.var.log.containers.web-1_..%2f../api_app-"+containerID+".log", `{"a":1}`)
	if n := c.questions("/api/v1/namespaces/..%252f..%2Fapi/pods/web-1"); n != 1 {
		t.Errorf("asked for %q", c.asked)
	}
	if n := c.questions("web-2"); n != 1 || !strings.Contains(log.String(), "there is no pod shop/web-2") {
		t.Errorf("asked %d times, log %s", n, log)
	}
}

func TestMetadataAreAskedForAgainAfterTheirTime(t *testing.T) {
	c := newCluster()
	k, _ := build(t, serve(t, c), "kube_meta_cache_ttl 1h")
	pass(t, k, shopTag, `{"a":1}`)
	for _, e := range k.store.pods {
		e.until = time.Now().Add(-time.Second)
	}
	c.mu.Lock()
	c.pods["shop/web-1"] = strings.Replace(podJSON("shop", "web-1", ""), `"tier":"front"`, `"tier":"back"`, 1)
	c.mu.Unlock()
	if got := pass(t, k, shopTag, `{"a":1}`); !strings.Contains(got, `"tier":"back"`) {
		t.Error(got)
	}
	c.mu.Lock()
	c.token = "another" // from now on nothing is told: what was known stays
	c.mu.Unlock()
	for _, e := range k.store.pods {
		e.until = time.Now().Add(-time.Second)
	}
	if got := pass(t, k, shopTag, `{"a":1}`); !strings.Contains(got, `"tier":"back"`) {
		t.Error(got)
	}
}

func TestAServerThatHangsHoldsRecordsUpOnceAndTheyGetWhatTheirTagTells(t *testing.T) {
	c := newCluster()
	c.hang = make(chan struct{})
	t.Cleanup(func() { close(c.hang) })
	k, log := build(t, serve(t, c))
	began := time.Now()
	for i := range 50 {
		tag := strings.Replace(shopTag, "web-1", fmt.Sprintf("web-%d", i), 1)
		if got := pass(t, k, tag, `{"a":1}`); !strings.Contains(got, `"namespace_name":"shop"`) {
			t.Fatal(got)
		}
	}
	if took := time.Since(began); took > 3*patience {
		t.Errorf("took %v", took)
	}
	if n := c.questions(""); n > 2 || strings.Count(log.String(), "cannot get pod") != 1 { // twice if this took over a second
		t.Errorf("asked %d times, log %s", n, log)
	}
}

func TestNobodyAnsweringIsLoggedOnce(t *testing.T) {
	k, log := build(t, nobody)
	for range 3 {
		if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromTag+`}` {
			t.Fatal(got)
		}
	}
	if n := strings.Count(log.String(), "cannot get pod shop/web-1"); n != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
}

func TestTheNodesPodsAreWatched(t *testing.T) {
	c := newCluster()
	k, log := build(t, serve(t, c))
	t.Setenv("NODE_NAME", "node-a")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- k.Background(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	eventually(t, k, `"tier":"front"`)
	change := func(kind, tier string) string {
		return `{"type":"` + kind + `","object":` + strings.Replace(podJSON("shop", "web-1", ""), `"tier":"front"`, `"tier":"`+tier+`"`, 1) + `}`
	}
	c.events <- change("MODIFIED", "second")
	eventually(t, k, `"tier":"second"`)
	c.events <- `{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"200"}}}`
	c.events <- "end" // the server ends watches now and then
	c.events <- change("MODIFIED", "third")
	eventually(t, k, `"tier":"third"`)
	c.events <- change("DELETED", "last")
	eventually(t, k, `"tier":"last"`) // its last lines come late
	c.events <- `{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}`
	eventually(t, k, `"tier":"front"`) // all are listed anew
	if n := c.questions("watch=1"); n < 2 || c.questions("resourceVersion=200") != 1 || c.questions("spec.nodeName%3Dnode-a") == 0 {
		t.Errorf("asked for %v", c.asked)
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Error(log)
	}
}

func TestTheNodeIsThatOfTheAgentsOwnPod(t *testing.T) {
	c := newCluster()
	file := filepath.Join(t.TempDir(), "namespace")
	if err := os.WriteFile(file, []byte("shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _ := build(t, serve(t, c), "kube_namespace_file "+file)
	t.Setenv("HOSTNAME", "web-1")
	if node, err := k.store.node(context.Background()); node != "node-a" || err != nil {
		t.Error(node, err)
	}
	t.Setenv("HOSTNAME", "gone")
	if node, err := k.store.node(context.Background()); err != errNoNode {
		t.Error(node, err)
	}
}

func TestTheTokenIsReadAgainWhenItIsRefused(t *testing.T) {
	c := newCluster()
	c.token = "second"
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	k, log := build(t, serve(t, c), "kube_token_file "+file)
	pass(t, k, shopTag, `{"a":1}`)
	if !strings.Contains(log.String(), "refuses the token (401)") {
		t.Error(log)
	}
	write("second\n")
	k.store.api.until = time.Time{} // as if the pause were over
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+`}` {
		t.Error(got)
	}
	c = newCluster()
	c.token = "printed"
	k, _ = build(t, serve(t, c), "kube_token_command printf printed")
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+`}` {
		t.Error(got)
	}
	k, log = build(t, serve(t, c), "kube_token_command exit 3")
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromTag+`}` || !strings.Contains(log.String(), "exit status 3") {
		t.Error(got, log)
	}
}

// secure serves with TLS and returns the server's address and a file with its certificate.
func secure(t *testing.T, h http.Handler) (at *url.URL, ca string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return at, ca
}

func TestTheKubeletIsAskedOverTLS(t *testing.T) {
	c := newCluster()
	c.pods["shop/web-2"] = podJSON("shop", "web-2", "")
	at, ca := secure(t, c)
	kubelet := []string{nobody, "use_kubelet on", "kubelet_host " + at.Hostname(), "kubelet_port " + at.Port()}
	k, log := build(t, append(kubelet, "kube_ca_file "+ca)...)
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+`}` {
		t.Error(got, log)
	}
	if got := pass(t, k, strings.Replace(shopTag, "web-1", "web-2", 1), `{"a":1}`); !strings.Contains(got, "uid-web-2") {
		t.Error(got, log)
	}
	if n := c.questions("/pods"); n != 1 { // one answer names all pods
		t.Errorf("asked %d times", n)
	}
	// A certificate of somebody else's.
	k, log = build(t, kubelet...)
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromTag+`}` || !strings.Contains(log.String(), "certificate") {
		t.Error(got, log)
	}
	k, log = build(t, append(kubelet, "tls.verify off")...)
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+`}` {
		t.Error(got, log)
	}
	// Its name is checked only when that is asked for.
	k, log = build(t, append(kubelet, "kube_ca_path "+filepath.Dir(ca), "tls.vhost other.test")...)
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+`}` {
		t.Error(got, log)
	}
	k, log = build(t, append(kubelet, "kube_ca_file "+ca, "tls.vhost other.test", "tls.verify_hostname on")...)
	if got := pass(t, k, shopTag, `{"a":1}`); got != `{"a":1,`+fromTag+`}` || !strings.Contains(log.String(), "other.test") {
		t.Error(got, log)
	}
}

func TestEntitiesOfCloudWatchAreAdded(t *testing.T) {
	c := newCluster()
	at, ca := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/map" {
			fmt.Fprint(w, `{"web-1":{"ServiceName":"shop-service","Environment":"prod","ServiceNameSource":"Instrumentation"}}`)
		}
	}))
	token := filepath.Join(t.TempDir(), "token")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"https://oidc.eks.eu-north-1.amazonaws.com/id/1"}`))
	if err := os.WriteFile(token, []byte("x."+claims+".y"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CLUSTER_NAME", "north")
	k, _ := build(t, serve(t, c), "use_pod_association on", "kube_token_file "+token,
		"aws_pod_association_host "+at.Hostname(), "aws_pod_association_port "+at.Port(), "aws_pod_association_endpoint /map", "aws_pod_association_host_server_ca_file "+ca)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- k.Background(ctx) }()
	eventually(t, k, `"namespace_name":"shop","aws_entity_service_name":"shop-service","aws_entity_environment":"prod","aws_entity_name_source":"Instrumentation","aws_entity_platform":"eks","aws_entity_cluster":"north","aws_entity_workload":"web","pod_id":"uid-web-1"`)
	cancel()
	<-done
	file := filepath.Join(t.TempDir(), "pods")
	if err := os.WriteFile(file+".map", []byte(`{"web-1":{"ServiceName":"s"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	k, log := build(t, serve(t, c), "aws_use_pod_association on", "set_platform k8s", "aws_pod_service_preload_cache_dir "+file)
	if got := pass(t, k, shopTag, `{"a":1}`); !strings.Contains(got, `"aws_entity_service_name":"s","aws_entity_platform":"k8s","aws_entity_cluster":"north","aws_entity_workload":"web"`) {
		t.Error(got, log)
	}
}

func TestWatchesThatEndAtOnceAreNotAskedForWithoutAPause(t *testing.T) {
	for _, answer := range []string{"", `{"type":"ERROR","object":{"code":410}}`, "410"} {
		c := newCluster()
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("watch") == "" {
				c.ServeHTTP(w, r)
				return
			}
			c.mu.Lock()
			c.asked = append(c.asked, r.URL.RequestURI())
			c.mu.Unlock()
			if answer == "410" {
				w.WriteHeader(http.StatusGone)
			}
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(s.Close)
		f, log := build(t, "kube_url "+s.URL)
		t.Setenv("NODE_NAME", "node-a")
		ctx, stop := context.WithTimeout(t.Context(), time.Second/2)
		f.store.watch(ctx)
		stop()
		if n := c.questions("watch=1"); n > 3 {
			t.Errorf("%q: %d watches within half a second", answer, n)
		}
		if log.String() != "" {
			t.Errorf("%q: logged %s", answer, log)
		}
	}
}

func TestTheLastLinesOfAPodThatIsGoneHaveItsMetadata(t *testing.T) {
	c := newCluster()
	f, _ := build(t, serve(t, c), "kube_meta_cache_ttl 1h")
	pass(t, f, shopTag, `{"a":1}`)
	delete(c.pods, "shop/web-1")
	expire := func() {
		for _, e := range f.store.pods {
			e.until = time.Now().Add(-time.Second)
		}
	}
	expire()
	if got := pass(t, f, shopTag, `{"a":1}`); got != `{"a":1,`+fromAPI+"}" {
		t.Error(got)
	}
	for _, e := range f.store.pods {
		e.gone = time.Now().Add(-keepGone)
	}
	expire()
	if got := pass(t, f, shopTag, `{"a":1}`); got != `{"a":1,`+fromTag+"}" {
		t.Error(got)
	}
}
