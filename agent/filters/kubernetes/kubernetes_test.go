package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/filtertest"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

const containerID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const shopTag = "kube.var.log.containers.web-1_shop_app-" + containerID + ".log"

// podJSON is a pod as the API has it, with more than is needed.
func podJSON(namespace, name, annotations string) string {
	return fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":%q,"namespace":%q,"uid":"uid-%s","resourceVersion":"7",
		"labels":{"app":"web","tier":"front"},"annotations":{%s},
		"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d4f8c7b9","uid":"u"}]},
		"spec":{"nodeName":"node-a","containers":[{"name":"app","image":"registry.example/web:1"}]},
		"status":{"phase":"Running","podIP":"192.0.2.7",
		"initContainerStatuses":[{"name":"init","containerID":"containerd://11","imageID":"registry.example/init@sha256:12","image":"registry.example/init:1"}],
		"containerStatuses":[
			{"name":"proxy","containerID":"containerd://21","imageID":"docker-pullable://registry.example/proxy@sha256:22","image":"registry.example/proxy:1"},
			{"name":"app","containerID":"containerd://31","imageID":"docker-pullable://registry.example/web@sha256:32","image":"registry.example/web:1"}]}}`,
		name, namespace, name, annotations)
}

// Parsers that pods and options may name.
var parsers = map[string]plugin.Parser{"level": levelParser{}, "timed": timedParser{}, "dots": dotsParser{}}

var errLine = fmt.Errorf("no such line")

// levelParser reads LEVEL: MESSAGE.
type levelParser struct{}

func (levelParser) Parse(dst, line []byte) ([]byte, event.Time, error) {
	level, message, ok := strings.Cut(string(line), ": ")
	if !ok {
		return dst, event.Time{}, errLine
	}
	dst = event.AppendStr(event.AppendStr(event.AppendMap(dst, 2), "level"), level)
	return event.AppendStr(event.AppendStr(dst, "message"), message), event.Time{}, nil
}

// timedParser reads @SECONDS.
type timedParser struct{}

func (timedParser) Parse(dst, line []byte) ([]byte, event.Time, error) {
	var sec int64
	if _, err := fmt.Sscanf(string(line), "@%d", &sec); err != nil {
		return dst, event.Time{}, errLine
	}
	return event.AppendMap(dst, 0), event.Time{Sec: sec}, nil
}

// dotsParser takes NAMESPACE.POD.CONTAINER apart.
type dotsParser struct{}

func (dotsParser) Parse(dst, line []byte) ([]byte, event.Time, error) {
	parts := strings.Split(string(line), ".")
	if len(parts) != 3 {
		return dst, event.Time{}, errLine
	}
	dst = event.AppendMap(dst, 3)
	for i, key := range []string{"namespace_name", "pod_name", "container_name"} {
		dst = event.AppendStr(event.AppendStr(dst, key), parts[i])
	}
	return dst, event.Time{}, nil
}

// journal collects a filter's log; others read it while the filter writes.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func build(t testing.TB, conf ...string) (*filter, *journal) {
	t.Helper()
	t.Setenv("NODE_NAME", "") // the machine's own would start a watch
	log := &journal{}
	p, err := filtertest.Build(filtertest.With(Plugin, func(e *plugin.Env) {
		e.Log = slog.New(slog.NewTextHandler(log, nil))
		e.Parser = func(name string) (plugin.Parser, bool) { p, ok := parsers[name]; return p, ok }
	}), filtertest.Properties(conf...))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(plugin.Starter).Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return p.(*filter), log
}

// preload writes files for kube_meta_preload_cache_dir and returns the option.
func preload(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "kube_meta_preload_cache_dir " + dir
}

// nobody is a server that is not there.
const nobody = "kube_url http://127.0.0.1:1"

func pass(t testing.TB, f *filter, tag string, lines ...string) string {
	t.Helper()
	b := event.New(tag)
	for _, l := range lines {
		body, _, err := event.ParseJSON(nil, []byte(l))
		if err != nil {
			t.Fatal(err)
		}
		b.Append(event.Time{Sec: 1700000000}, nil, body)
	}
	if err := f.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return strings.Join(filtertest.Lines(b), "\n")
}

const (
	fromTag = `"kubernetes":{"pod_name":"web-1","namespace_name":"shop","container_name":"app","docker_id":"` + containerID + `"}`
	fromAPI = `"kubernetes":{"pod_name":"web-1","namespace_name":"shop","pod_id":"uid-web-1","labels":{"app":"web","tier":"front"},"annotations":{"a":"b"},"host":"node-a","pod_ip":"192.0.2.7","container_name":"app","docker_id":"` + containerID + `","container_hash":"registry.example/web@sha256:32","container_image":"registry.example/web:1"}`
)

func TestMetadataAreAdded(t *testing.T) {
	files := preload(t, "shop_web-1.meta", podJSON("shop", "web-1", `"a":"b"`),
		"shop.namespace_meta", `{"kind":"Namespace","metadata":{"name":"shop","uid":"u","labels":{"team":"blue"},"annotations":{"x":"y"}}}`,
		"shop_many.meta", `{"kind":"PodList","items":[`+podJSON("shop", "other", "")+","+podJSON("shop", "many", "")+`]}`)
	f := func(tag, in, want string, conf ...string) {
		t.Helper()
		k, log := build(t, append(conf, files, nobody)...)
		if got := pass(t, k, tag, in); got != want {
			t.Errorf("%v:\ngot  %s\nwant %s\nlog %s", conf, got, want, log)
		}
	}
	const in = `{"log":"a line","stream":"stdout","kubernetes":"old"}`
	const body = `{"log":"a line","stream":"stdout",`
	f(shopTag, in, body+fromAPI+"}")
	f(shopTag, in, body+strings.Replace(strings.Replace(fromAPI, `"labels":{"app":"web","tier":"front"},`, "", 1), `"annotations":{"a":"b"},`, `"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d4f8c7b9","uid":"u"}],`, 1)+"}",
		"labels off", "annotations off", "owner_references on")
	f(shopTag, in, body+fromTag+"}", "use_tag_for_meta on")
	f(shopTag, in, body+fromAPI+`,"kubernetes_namespace":{"name":"shop","labels":{"team":"blue"},"annotations":{"x":"y"}}}`, "namespace_labels on", "namespace_annotations on")
	f(shopTag, in, `{"log":"a line","stream":"stdout","kubernetes":"old","kubernetes_namespace":{"name":"shop","labels":{"team":"blue"}}}`, "namespace_labels on", "namespace_metadata_only on")
	f("kube.shop.many.init", `{"a":1}`, `{"a":1,"kubernetes":{"pod_name":"many","namespace_name":"shop","pod_id":"uid-many","labels":{"app":"web","tier":"front"},"annotations":{},"host":"node-a","pod_ip":"192.0.2.7","container_name":"init","docker_id":"11","container_hash":"registry.example/init@sha256:12","container_image":"registry.example/init:1"}}`,
		"regex_parser dots", "kube_tag_prefix kube.")
	f("kube.shop.web-1.gone", `{"a":1}`, `{"a":1,"kubernetes":{"pod_name":"web-1","namespace_name":"shop","pod_id":"uid-web-1","host":"node-a","pod_ip":"192.0.2.7","container_name":"gone"}}`,
		"regex_parser dots", "kube_tag_prefix kube.", "labels off", "annotations off")
}

func TestATagThatNamesNoPodLeavesRecordsAlone(t *testing.T) {
	for _, tag := range []string{"kube", "kube.var.log.containers.x", "kube.var.log.containers.web-1_shop_app.log", ""} {
		k, log := build(t, nobody)
		if got := pass(t, k, tag, `{"a":1}`); got != `{"a":1}` || !strings.Contains(log.String(), "does not name a pod") {
			t.Errorf("%s: %s, log %s", tag, got, log)
		}
	}
}

func TestTheJournalNamesContainers(t *testing.T) {
	k, log := build(t, "use_journal on", nobody, preload(t, "shop_web-1.meta", podJSON("shop", "web-1", ``)))
	in := []string{`{"CONTAINER_NAME":"k8s_app.99ff_web-1_shop_uid_0"}`, `{"MESSAGE":"of the host"}`, `{"CONTAINER_NAME":"something"}`, `{"CONTAINER_NAME":"k8s_POD_gone_shop_uid_0"}`}
	want := `{"CONTAINER_NAME":"k8s_app.99ff_web-1_shop_uid_0","kubernetes":{"pod_name":"web-1","namespace_name":"shop","pod_id":"uid-web-1","labels":{"app":"web","tier":"front"},"annotations":{},"host":"node-a","pod_ip":"192.0.2.7","container_name":"app","docker_id":"31","container_hash":"99ff","container_image":"registry.example/web:1"}}` +
		"\n" + in[1] + "\n" + in[2] + "\n" + `{"CONTAINER_NAME":"k8s_POD_gone_shop_uid_0","kubernetes":{"pod_name":"gone","namespace_name":"shop","container_name":"POD"}}`
	if got := pass(t, k, "any", in...); got != want {
		t.Errorf("got  %s\nwant %s\nlog %s", got, want, log)
	}
}

func TestDummyMetadataAskNobody(t *testing.T) {
	k, _ := build(t, "dummy_meta on", nobody)
	if got := pass(t, k, "any", `{"a":1}`); !strings.HasPrefix(got, `{"a":1,"kubernetes":{"dummy":"`) {
		t.Error(got)
	}
}

func TestLogIsMerged(t *testing.T) {
	f := func(in, want string, conf ...string) {
		t.Helper()
		k, log := build(t, append(conf, "use_tag_for_meta on", "merge_log on")...)
		want = strings.ReplaceAll(want, "K8S", fromTag)
		if got := pass(t, k, shopTag, in); got != want {
			t.Errorf("%v:\ngot  %s\nwant %s\nlog %s", conf, got, want, log)
		}
	}
	f(`{"log":"{\"a\":1,\"b\":{\"c\":[2]}}\n","stream":"stdout"}`, `{"log":"{\"a\":1,\"b\":{\"c\":[2]}}\n","stream":"stdout","a":1,"b":{"c":[2]},K8S}`)
	f(`{"log":" {\"a\":1}","x":2}`, `{"x":2,"a":1,K8S}`, "keep_log off")
	f(`{"log":"{\"a\":1}","x":2}`, `{"x":2,"m":{"a":1},K8S}`, "keep_log off", "merge_log_key m")
	f(`{"log":"{}","x":2}`, `{"x":2,K8S}`, "keep_log off", "merge_log_key m")
	f(`{"log":"{\"a\":\"x\\n\",\"b\":\"y\\\\n\\\\r\",\"c\":\"\\n\",\"d\":\"z\\n\\n\"}"}`, `{"a":"x","b":"y","c":"\n","d":"z",K8S}`, "keep_log off")
	f(`{"log":"{\"a\":\"x\\n\"}"}`, `{"a":"x\n",K8S}`, "keep_log off", "merge_log_trim off")
	f(`{"log":"{\"kubernetes\":1}","kubernetes":2}`, `{"log":"{\"kubernetes\":1}",K8S}`)
	// What is no single object stays text.
	for _, text := range []string{`plain`, `[1]`, `{\"a\":1} {\"b\":2}`, `{\"a\":`, ``, `7`} {
		f(`{"log":"`+text+`"}`, `{"log":"`+text+`",K8S}`, "keep_log off")
	}
	// A map is taken as it is.
	f(`{"log":{"a":"x\n"},"b":1}`, `{"log":{"a":"x\n"},"b":1,"a":"x\n",K8S}`)
	f(`{"log":{"a":"x\n"},"b":1}`, `{"b":1,"m":{"a":"x\n"},K8S}`, "keep_log off", "merge_log_key m")
	f(`{"log":7}`, `{"log":7,K8S}`, "keep_log off")
	f(`{"x":1}`, `{"x":1,K8S}`)
	f(`{"log":"warn: disk is full"}`, `{"level":"warn","message":"disk is full",K8S}`, "keep_log off", "merge_parser level")
	f(`{"log":"{\"a\":1}"}`, `{"log":"{\"a\":1}",K8S}`, "keep_log off", "merge_parser level")
}

func TestKeysThatAreReplacedManyTimesTakeLinearTime(t *testing.T) {
	k, _ := build(t, nobody, "merge_log on", "keep_log off", "use_tag_for_meta on")
	log := strings.Repeat(`\"kubernetes\":1,`, 200_000)
	if got := pass(t, k, shopTag, `{"log":"{`+log+`\"a\":1}"}`); got != `{"a":1,`+fromTag+`}` {
		t.Errorf("got %.200s", got)
	}
}

func TestATimeThatTheParserFoundIsTaken(t *testing.T) {
	k, _ := build(t, "use_tag_for_meta on", "merge_log on", "merge_parser timed")
	b := event.New(shopTag)
	for _, l := range []string{`{"log":"@5"}`, `{"log":"no time"}`} {
		body, _, _ := event.ParseJSON(nil, []byte(l))
		b.Append(event.Time{Sec: 9}, nil, body)
	}
	if err := k.Filter(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	var times []int64
	for r := range b.Records() {
		times = append(times, r.Time().Sec)
	}
	if fmt.Sprint(times) != "[5 9]" {
		t.Error(times)
	}
}

func TestFaultsAreExplained(t *testing.T) {
	f := func(want string, conf ...string) {
		t.Helper()
		spec := filtertest.With(Plugin, func(e *plugin.Env) {
			e.Parser = func(name string) (plugin.Parser, bool) { p, ok := parsers[name]; return p, ok }
		})
		p, err := filtertest.Build(spec, filtertest.Properties(conf...))
		if err == nil {
			err = p.(plugin.Starter).Start(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", conf, err, want)
		}
	}
	junk := filepath.Join(t.TempDir(), "ca")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("test.conf:1:14: merge_parser: there is no parser 'nope'", "merge_parser nope")
	f("regex_parser: there is no parser 'nope'", "regex_parser nope")
	f("kube_url", "kube_url kubernetes")
	f("kubelet_port", "kubelet_port 0x")
	f("kube_ca_file: "+junk+" holds no certificate", "kube_ca_file "+junk)
	f("kube_ca_path: ", "kube_ca_path /nowhere")
	f("pod.map: no such file", "aws_use_pod_association on", "aws_pod_service_preload_cache_dir "+filepath.Dir(junk)+"/pod")
	f("is not between 1 and", "aws_pod_service_map_refresh_interval 10000000000")
	f("is not between 0 and", "aws_pod_service_map_ttl 10000000000")
}

// started starts what it builds.
type started struct{ *config }

func (s started) New(env plugin.Env) (plugin.Filter, error) {
	f, err := s.config.New(env)
	if err == nil {
		err = f.(plugin.Starter).Start(context.Background())
	}
	return f, err
}

func startedSpec() plugin.Spec[plugin.Filter] {
	spec := Plugin
	spec.Config = func() plugin.Config[plugin.Filter] { return started{new(config)} }
	return filtertest.With(spec, func(e *plugin.Env) {
		e.Parser = func(name string) (plugin.Parser, bool) { p, ok := parsers[name]; return p, ok }
	})
}

// benchConf fits the tag that filtertest gives its batches: app.web.1.
func benchConf(t testing.TB, more ...string) []string {
	return append(more, "kube_tag_prefix a", "regex_parser dots", nobody, preload(t, "pp_web.meta", podJSON("pp", "web", `"a":"b"`)))
}

func TestRecordsCostNoAllocation(t *testing.T) {
	f := func(line string, more ...string) {
		t.Helper()
		if n := filtertest.Allocs(t, startedSpec(), filtertest.Properties(benchConf(t, more...)...), line); n > 0.1 {
			t.Errorf("%v: %v allocations per record", more, n)
		}
	}
	f(`{"log":"a line","stream":"stdout"}`)
	f(`{"log":"{\"a\":\"b\\n\",\"c\":1}","stream":"stdout"}`, "merge_log on", "keep_log off")
	f(`{"CONTAINER_NAME":"pp.web.app","MESSAGE":"x"}`, "use_journal on")
}

func BenchmarkAdd(b *testing.B) { filtertest.Bench(b, startedSpec(), benchConf(b)...) }

func TestItConforms(t *testing.T) {
	t.Setenv("NODE_NAME", "node-a")
	c := newCluster()
	plugintest.Conform(t, Plugin, serve(t, c), "merge_log on", "keep_log off", "merge_log_key inner")
	plugintest.Conform(t, Plugin, "dummy_meta on", "merge_log on")
	plugintest.Conform(t, Plugin, nobody, "use_journal on")
}

func BenchmarkMerge(b *testing.B) {
	p, err := filtertest.Build(startedSpec(), filtertest.Properties(benchConf(b, "merge_log on", "keep_log off")...))
	if err != nil {
		b.Fatal(err)
	}
	inner := event.AppendJSONString(nil, `{"time":"2026-11-22T19:47:12.123456789Z","level":"info","msg":"request completed in good time\n","method":"GET","path":"/api/v1/users/12345","status":200,"duration":0.0453,"host":"ip-10-0-0-17","ok":true}`, event.JSONStyle{})
	body, _, err := event.ParseJSON(nil, fmt.Appendf(nil, `{"log":%s,"stream":"stdout"}`, inner))
	if err != nil {
		b.Fatal(err)
	}
	batch := event.New(filtertest.Tag)
	const n = 5000
	b.SetBytes(int64(n * len(body)))
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for range n {
			batch.Append(event.Time{Sec: 1700000000}, nil, body)
		}
		if err := p.Filter(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAKeyThatComesOftenIsTakenOutOnce(t *testing.T) {
	f, _ := build(t, "merge_log on", "use_tag_for_meta on")
	line := `{"log":"{` + strings.Repeat(`\"kubernetes\":1,`, 50_000) + `\"a\":1}"}`
	began := time.Now()
	if got := pass(t, f, shopTag, line); !strings.Contains(got, `1}","a":1,"kubernetes":{"pod_name"`) {
		t.Error(got[len(got)-200:])
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNamesWithoutEndAreNotRemembered(t *testing.T) {
	f, _ := build(t, "use_journal on", nobody)
	pass(t, f, "journal", `{"CONTAINER_NAME":"`+strings.Repeat("x", 1<<20)+`"}`, `{"CONTAINER_NAME":"short"}`)
	if len(f.origins) != 1 {
		t.Errorf("%d names are remembered", len(f.origins))
	}
}
