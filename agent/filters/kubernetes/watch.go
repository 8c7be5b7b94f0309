package kubernetes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/fluent/fluent-bit-go/event"
)

// watch keeps the pods of this node up to date: it lists them once and then has the API server tell what changes.
// It needs to know the node: by the variable NODE_NAME, or from the agent's own pod.
func (s *store) watch(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := s.follow(ctx)
		if errors.Is(err, errNoNode) {
			s.log.Info("the node is not known, so its pods are not watched but asked for one by one; set the variable NODE_NAME to have them watched")
			<-ctx.Done()
			return
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestPause {
			pause = 0
		}
		pause = min(max(2*pause, time.Second), longestPause)
		if err != nil {
			s.mu.Lock()
			s.trouble.Error(s.log, fmt.Sprintf("cannot watch the node's pods: %v. They are asked for one by one; it is tried again", err))
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

var (
	errNoNode  = errors.New("the node is not known")
	errExpired = errors.New("the server has forgotten what came before")
)

// watchTime is after how long the server is asked to end a watch, so that one that died unnoticed is found out.
const watchTime = 5 * time.Minute

// follow lists the pods and watches them until something breaks.
func (s *store) follow(ctx context.Context) error {
	node, err := s.node(ctx)
	if err != nil {
		return err
	}
	query := "/api/v1/pods?fieldSelector=" + url.QueryEscape("spec.nodeName="+node)
	version, err := s.list(ctx, query)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		next := time.After(time.Second) // also when the server ends each watch at once
		version, err = s.listen(ctx, query, version)
		if errors.Is(err, errExpired) {
			version, err = s.list(ctx, query)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-next:
		}
	}
	return nil
}

// node returns the name of the node that the agent runs on.
func (s *store) node(ctx context.Context) (string, error) {
	if name := os.Getenv("NODE_NAME"); name != "" {
		return name, nil
	}
	own, err := os.ReadFile(s.config.server.namespaceFile)
	if err != nil {
		return "", errNoNode
	}
	host := os.Getenv("HOSTNAME")
	if host == "" {
		host, _ = os.Hostname()
	}
	v, err := s.api.get(ctx, "/api/v1/namespaces/"+string(bytes.TrimSpace(own))+"/pods/"+host)
	if errors.Is(err, errNotFound) {
		return "", errNoNode
	}
	if err != nil {
		return "", err
	}
	name := text(v.Get("spec").Get("nodeName"))
	if name == "" {
		return "", errNoNode
	}
	return name, nil
}

// list notes all pods there are, and that the others are gone.
func (s *store) list(ctx context.Context, query string) (version string, err error) {
	seen := map[podKey]bool{}
	next := ""
	for {
		v, err := s.api.get(ctx, query+"&limit=500"+next)
		if err != nil {
			return "", err
		}
		for item := range v.Get("items").Elems() {
			if p, ok := readPod(item); ok {
				seen[podKey{p.namespace, p.name, ""}] = true
				s.watched(p)
			}
		}
		version = text(v.Get("metadata").Get("resourceVersion"))
		more := text(v.Get("metadata").Get("continue"))
		if more == "" {
			break
		}
		next = "&continue=" + url.QueryEscape(more)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for key, e := range s.pods {
		switch {
		case seen[podKey{key.namespace, key.name, ""}]:
		case e.gone.IsZero() && e.known:
			e.gone = now
		case !e.gone.IsZero() && now.Sub(e.gone) > keepGone:
			delete(s.pods, key)
		}
	}
	return version, nil
}

// watched notes a pod that is watched: it needs no asking again.
func (s *store) watched(p *pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pods) >= maxPods {
		clear(s.pods)
	}
	s.pods[podKey{p.namespace, p.name, ""}] = &entry[*pod]{value: p, known: true}
	if s.config.useDockerID {
		for key, e := range s.pods {
			if key.dockerID != "" && key.namespace == p.namespace && key.name == p.name {
				e.value = p
			}
		}
	}
}

// listen takes changes until the server ends the watch.
func (s *store) listen(ctx context.Context, query, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTime+time.Minute)
	defer cancel()
	resp, err := s.api.open(ctx, fmt.Sprintf("%s&watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s", query, int(watchTime.Seconds()), url.QueryEscape(version)))
	if err != nil {
		return version, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 16<<20)
	for lines.Scan() {
		line, _, err := event.ParseJSON(nil, lines.Bytes())
		if err != nil {
			return version, fmt.Errorf("a change is no JSON: %w", err)
		}
		v := event.Value(line)
		object := v.Get("object")
		kind := text(v.Get("type"))
		if kind == "ERROR" {
			if code, _ := object.Get("code").Int(); code == 410 {
				return version, errExpired
			}
			return version, fmt.Errorf("%s: %s", s.api.what, text(object.Get("message")))
		}
		if newer := text(object.Get("metadata").Get("resourceVersion")); newer != "" {
			version = newer
		}
		p, ok := readPod(object)
		switch {
		case !ok || kind == "BOOKMARK":
		case kind == "DELETED":
			s.forget(p)
		default:
			s.watched(p)
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return version, err
	}
	return version, nil
}

// forget notes that a pod is gone. Its last lines may still come.
func (s *store) forget(p *pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if e := s.pods[podKey{p.namespace, p.name, ""}]; e != nil {
		e.value, e.gone = p, now
	}
	for key, e := range s.pods {
		if !e.gone.IsZero() && now.Sub(e.gone) > keepGone {
			delete(s.pods, key)
		}
	}
}
