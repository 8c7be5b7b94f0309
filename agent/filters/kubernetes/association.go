package kubernetes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/option"
)

// associationOptions are for CloudWatch's agent, which knows the service that a pod belongs to.
type associationOptions struct {
	on, onToo         bool
	host, endpoint    string
	port              int
	ttl, every        int
	preload           string
	caFile            string
	certFile, keyFile string
	verify            bool
	platform          string
}

func (o *associationOptions) options(debug *int) []option.Option {
	return []option.Option{
		option.Switch("aws_use_pod_association", &o.on).Default("false").Help("Add aws_entity_… keys: the service and environment that CloudWatch's agent knows, the cluster, the workload and the platform."),
		option.Switch("use_pod_association", &o.onToo).Default("false").Help("The older name of aws_use_pod_association."),
		option.String("aws_pod_association_host", &o.host).Default("cloudwatch-agent.amazon-cloudwatch").Help("The host of CloudWatch's agent."),
		option.String("aws_pod_association_endpoint", &o.endpoint).Default("/kubernetes/pod-to-service-env-map").Help("The path to ask for."),
		option.Port("aws_pod_association_port", &o.port).Default("4311").Help("The port of CloudWatch's agent."),
		option.Var("aws_pod_service_map_ttl", "integer", &o.ttl, option.Between(option.ParseInt, 0, 1<<31)).Default("0").Help("For how many seconds an answer is believed; 0 is for ever."),
		option.Var("aws_pod_service_map_refresh_interval", "integer", &o.every, option.Between(option.ParseInt, 1, 1<<31)).Default("60").Help("Seconds between two questions."),
		option.String("aws_pod_service_preload_cache_dir", &o.preload).Help("The path, without .map, of a file with an answer that is used instead of asking."),
		option.String("aws_pod_association_host_server_ca_file", &o.caFile).Default(metricsDir + "server-cert/tls-ca.crt").Help("The authority that signed the certificate of CloudWatch's agent."),
		option.String("aws_pod_association_host_client_cert_file", &o.certFile).Default(metricsDir + "client-cert/client.crt").Help("The certificate to identify with there."),
		option.String("aws_pod_association_host_client_key_file", &o.keyFile).Default(metricsDir + "client-cert/client.key").Help("Its key."),
		option.Int("aws_pod_association_host_tls_debug", debug).Default("0").Help("Has no effect."),
		option.Switch("aws_pod_association_host_tls_verify", &o.verify).Default("true").Help("Check the certificate of CloudWatch's agent."),
		option.String("set_platform", &o.platform).Help("The platform, eks or k8s, when it shall not be told from the token."),
	}
}

// service is what CloudWatch's agent knows of a pod.
type service struct{ ServiceName, Environment, ServiceNameSource string }

// entity is what is added of a pod's entity. The same pointer means that nothing has changed.
type entity struct {
	service
	platform, cluster string
}

// describe adds the entity's keys, in Fluent Bit's order; a nil entity has none.
func (e *entity) describe(o *object, p *pod) {
	if e == nil {
		return
	}
	o.text("aws_entity_service_name", e.ServiceName)
	o.text("aws_entity_environment", e.Environment)
	o.text("aws_entity_name_source", e.ServiceNameSource)
	o.text("aws_entity_platform", e.platform)
	o.text("aws_entity_cluster", e.cluster)
	o.text("aws_entity_workload", p.workload())
}

// entities knows the entities of pods.
type entities struct {
	options *associationOptions
	log     *slog.Logger
	other   *entity // of pods that are not known

	mu      sync.Mutex
	known   map[string]*entity
	until   time.Time
	trouble burst.Log
}

func (e *entities) start(o *serverOptions) error {
	if !e.options.on {
		return nil
	}
	platform := e.options.platform
	if platform == "" {
		platform = tellPlatform(o.tokenFile)
	}
	e.other = &entity{platform: platform, cluster: os.Getenv("CLUSTER_NAME")}
	if e.options.preload != "" {
		return e.fetch(context.Background()) // a file: it is there or not
	}
	return nil
}

// tellPlatform reads from the service account's token, a JWT, who made it.
func tellPlatform(file string) string {
	token, err := os.ReadFile(file)
	parts := strings.Split(string(token), ".")
	if err != nil || len(parts) != 3 {
		return "k8s"
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || !strings.Contains(claims.Issuer, "oidc.eks.") {
		return "k8s"
	}
	return "eks"
}

// of returns the entity of a pod, or nil when entities are not added.
func (e *entities) of(pod string) *entity {
	if !e.options.on {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if found := e.known[pod]; found != nil && (e.until.IsZero() || time.Now().Before(e.until)) {
		return found
	}
	return e.other
}

// poll asks until ctx ends.
func (e *entities) poll(ctx context.Context) {
	for {
		if err := e.fetch(ctx); err != nil && ctx.Err() == nil {
			e.trouble.Error(e.log, fmt.Sprintf("cannot get the services of pods from CloudWatch's agent, records go on without: %v", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(e.options.every) * time.Second):
		}
	}
}

func (e *entities) fetch(ctx context.Context) error {
	data, err := e.ask(ctx)
	if err != nil {
		return err
	}
	var services map[string]service
	if err := json.Unmarshal(data, &services); err != nil {
		return fmt.Errorf("the answer is not understood: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := make(map[string]*entity, len(services))
	for pod, s := range services {
		if old := e.known[pod]; old != nil && old.service == s {
			known[pod] = old
		} else if s.ServiceName != "" || s.Environment != "" {
			known[pod] = &entity{s, e.other.platform, e.other.cluster}
		}
	}
	e.known = known
	if e.options.ttl > 0 {
		e.until = time.Now().Add(time.Duration(e.options.ttl) * time.Second)
	}
	return nil
}

// ask gets an answer from the file or from CloudWatch's agent. Certificates are read each time: they are renewed
// now and then.
func (e *entities) ask(ctx context.Context) ([]byte, error) {
	o := e.options
	if o.preload != "" {
		return os.ReadFile(o.preload + ".map")
	}
	conf := &tls.Config{InsecureSkipVerify: !o.verify} //nolint:gosec // as configured
	if ca, err := os.ReadFile(o.caFile); err == nil {
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM(ca)
	}
	if cert, err := tls.LoadX509KeyPair(o.certFile, o.keyFile); err == nil {
		conf.Certificates = []tls.Certificate{cert}
	}
	client := http.Client{Timeout: 2 * patience, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort(o.host, strconv.Itoa(o.port))+o.endpoint, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}
