// Package kubernetes is the filter kubernetes: it adds what the cluster knows about the pod that wrote a record, and
// lifts the fields of structured lines into it.
package kubernetes

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is the filter kubernetes.
var Plugin = plugin.Spec[plugin.Filter]{
	Name:    "kubernetes",
	Summary: "Add metadata of the pod that wrote a record",
	Config:  func() plugin.Config[plugin.Filter] { return new(config) },
}

type config struct {
	merge       bool
	mergeParser string
	mergeKey    string
	trim        bool
	keepLog     bool

	labels, annotations, owners bool
	nsLabels, nsAnnotations     bool
	nsOnly                      bool
	byParser, byExclude         bool // annotations may name parsers, and exclude logs
	journal                     bool
	regexParser                 string
	prefix                      string
	dummy                       bool
	tagOnly                     bool
	useDockerID                 bool

	preload     string
	kubelet     bool
	kubeletHost string
	kubeletPort int
	url         string
	podTTL      time.Duration
	nsTTL       time.Duration

	server      serverOptions
	association associationOptions
	ignored     ignoredOptions
}

// ignoredOptions are read and have no effect.
type ignoredOptions struct {
	buffer             int64
	tlsDebug, dnsTries int
	dnsWait            time.Duration
	entityDebug        int
}

const (
	accountDir = "/var/run/secrets/kubernetes.io/serviceaccount/"
	metricsDir = "/etc/amazon-cloudwatch-observability-agent-"
)

func (c *config) Options() []option.Option {
	opts := []option.Option{
		option.Switch("merge_log", &c.merge).Default("false").Help("Read the text under log, JSON unless a parser is named, and add its fields to the record. A log that is a map is taken as it is."),
		option.String("merge_parser", &c.mergeParser).Help("The parser to read log with, in place of JSON."),
		option.String("merge_log_key", &c.mergeKey).Help("Put the fields of log under this key instead of beside log."),
		option.Switch("merge_log_trim", &c.trim).Default("true").Help("Take line ends off the texts among these fields."),
		option.Switch("keep_log", &c.keepLog).Default("true").Help("Keep log when its fields were added."),
		option.Switch("labels", &c.labels).Default("true").Help("Add the pod's labels."),
		option.Switch("annotations", &c.annotations).Default("true").Help("Add the pod's annotations."),
		option.Switch("owner_references", &c.owners).Default("false").Help("Add the pod's ownerReferences."),
		option.Switch("namespace_labels", &c.nsLabels).Default("false").Help("Add the namespace's labels, under kubernetes_namespace."),
		option.Switch("namespace_annotations", &c.nsAnnotations).Default("false").Help("Add the namespace's annotations, under kubernetes_namespace."),
		option.Switch("namespace_metadata_only", &c.nsOnly).Default("false").Help("Add nothing of the pod, only of its namespace."),
		option.Switch("k8s-logging.parser", &c.byParser).Default("false").Help("Let pods name the parser for their log, with the annotation fluentbit.io/parser[_STREAM][-CONTAINER]."),
		option.Switch("k8s-logging.exclude", &c.byExclude).Default("false").Help("Let pods exclude their records, with the annotation fluentbit.io/exclude[_STREAM][-CONTAINER]."),
		option.Switch("use_journal", &c.journal).Default("false").Help("The records come from journald: the pod is found by CONTAINER_NAME, not by the tag."),
		option.String("regex_parser", &c.regexParser).Help("A parser of format regex that takes the tag, or CONTAINER_NAME, apart into pod_name, namespace_name, container_name and docker_id."),
		option.String("kube_tag_prefix", &c.prefix).Default("kube.var.log.containers.").Help("What stands in the tag before the name of the log file."),
		option.Switch("dummy_meta", &c.dummy).Default("false").Help("Add a stand-in and ask nobody, for tests."),
		option.Switch("use_tag_for_meta", &c.tagOnly).Default("false").Help("Add what the tag alone tells and ask nobody."),
		option.Switch("cache_use_docker_id", &c.useDockerID).Default("false").Help("Ask anew for a container that was started again under its old name."),
		option.String("kube_meta_preload_cache_dir", &c.preload).Help("A folder with files NAMESPACE_POD.meta and NAMESPACE.namespace_meta, which are looked at before anybody is asked."),
		option.Switch("use_kubelet", &c.kubelet).Default("false").Help("Ask the node's kubelet for pods, which spares the API server. Namespaces are still asked for there."),
		option.String("kubelet_host", &c.kubeletHost).Default("127.0.0.1").Help("The kubelet's host."),
		option.Port("kubelet_port", &c.kubeletPort).Default("10250").Help("The kubelet's port."),
		option.Var("kube_meta_cache_ttl", "time", &c.podTTL, option.AtLeast(option.ParseDuration, 0)).Default("0").Help("How long a pod's metadata are believed; 0 is for ever. The pods of this node are watched, where the API server allows it, and then always up to date."),
		option.Var("kube_meta_namespace_cache_ttl", "time", &c.nsTTL, option.AtLeast(option.ParseDuration, 0)).Default("15m").Help("How long a namespace's metadata are believed; 0 is for ever."),
		option.Var("kube_url", "string", &c.url, parseURL).Default("https://kubernetes.default.svc").Help("The API server."),
		option.Size("buffer_size", &c.ignored.buffer).Default("32K").Help("Has no effect: answers may be as large as they are, up to 64 MB."),
		option.Int("dns_retries", &c.ignored.dnsTries).Default("6").Help("Has no effect: the start does not wait for the name service, and what cannot be asked now is asked later."),
		option.Duration("dns_wait_time", &c.ignored.dnsWait).Default("30").Help("Has no effect, see dns_retries."),
		option.Int("tls.debug", &c.ignored.tlsDebug).Default("0").Help("Has no effect."),
	}
	return append(append(opts, c.server.options()...), c.association.options(&c.ignored.entityDebug)...)
}

func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", errors.New("is no address such as https://kubernetes.default.svc or http://127.0.0.1:8001")
	}
	return strings.TrimSuffix(s, "/"), nil
}

func (c *config) New(env plugin.Env) (plugin.Filter, error) {
	c.association.on = c.association.on || c.association.onToo
	f := &filter{config: *c, log: env.Log, parser: env.Parser, origins: map[string]*origin{}}
	var err error
	if f.names, err = newNamer(c, env); err != nil {
		return nil, err
	}
	if c.mergeParser != "" {
		p, ok := env.Parser(c.mergeParser)
		if !ok {
			return nil, missingParser(env, "merge_parser", c.mergeParser)
		}
		f.mergeWith = p
	}
	f.store = newStore(c, env.Log)
	unanswered := env.Metrics.Counter("request_errors_total", "Questions that were not answered, so that records got what their tag tells")
	f.store.trouble.Counter, f.store.entities.trouble.Counter = unanswered, unanswered
	f.store.missing.Counter = env.Metrics.Counter("pods_not_found_total", "Pods that the cluster did not know")
	f.strange.Counter = env.Metrics.Counter("bad_tags_total", "Batches, or records of the journal, that named no pod")
	return f, nil
}

// missingParser is the error for an option that names a parser which is not there.
func missingParser(env plugin.Env, key, name string) error {
	v, _ := option.Lookup(env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: fmt.Sprintf("%s: there is no parser '%s'", key, name), Cure: "define it in a parsers file, and name that file with parsers_file or -R"}
}

// asks tells whether anybody is asked at all.
func (c *config) asks() bool { return !c.dummy && !c.tagOnly }

func warn(log *slog.Logger, format string, args ...any) { log.Warn(fmt.Sprintf(format, args...)) }
