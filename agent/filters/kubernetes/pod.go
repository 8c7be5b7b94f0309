package kubernetes

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
)

// pod is what records need of a pod, as the API has it. It does not change once it is made.
type pod struct {
	namespace, name string
	uid, labels     event.Value // these may be nil, as all that follow
	annotations     event.Value
	owners          event.Value
	node, ip        event.Value
	containers      []container
}

type container struct{ name, id, hash, image string }

// readPod takes what is needed out of a pod of the API; false when it is none.
func readPod(v event.Value) (*pod, bool) {
	meta, status := v.Get("metadata"), v.Get("status")
	p := &pod{
		namespace:   text(meta.Get("namespace")),
		name:        text(meta.Get("name")),
		uid:         keep(meta.Get("uid")),
		labels:      keep(meta.Get("labels")),
		annotations: keep(meta.Get("annotations")),
		owners:      keep(meta.Get("ownerReferences")),
		node:        keep(v.Get("spec").Get("nodeName")),
		ip:          keep(status.Get("podIP")),
	}
	for k, list := range status.Pairs() {
		if s := string(k.Str()); s != "containerStatuses" && s != "initContainerStatuses" {
			continue
		}
		for c := range list.Elems() {
			p.containers = append(p.containers, container{
				name:  text(c.Get("name")),
				id:    digest(text(c.Get("containerID"))),
				hash:  digest(text(c.Get("imageID"))),
				image: text(c.Get("image")),
			})
		}
	}
	return p, p.name != ""
}

func text(v event.Value) string { return string(v.Str()) }

// keep copies a value out of the answer that it stands in.
func keep(v event.Value) event.Value { return bytes.Clone(v) }

// digest is what stands behind SCHEME:// in the ID of a container or image.
func digest(id string) string {
	_, rest, ok := strings.Cut(id, ":")
	if !ok {
		return ""
	}
	if after := strings.TrimLeft(rest, "/"); len(after) < len(rest) {
		return after
	}
	return id
}

// container returns what the pod's status says of a container.
func (p *pod) container(name string) container {
	for _, c := range p.containers {
		if c.name == name {
			return c
		}
	}
	return container{}
}

// deployment is how the ReplicaSet of a Deployment is called: its name and a random part.
var deployment = regexp.MustCompile(`^(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}$`)

// workload names what the pod was made by.
func (p *pod) workload() string {
	owner := p.owners.Index(0)
	name := text(owner.Get("name"))
	if name == "" {
		return p.name
	}
	if text(owner.Get("kind")) == "ReplicaSet" {
		if m := deployment.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	return name
}

// object builds a map, in order.
type object []event.Field

func (o *object) value(key string, v event.Value) {
	if v != nil {
		*o = append(*o, event.Field{Key: event.AppendStr(nil, key), Val: v})
	}
}

func (o *object) text(key, s string) {
	if s != "" {
		o.value(key, event.AppendStr(nil, s))
	}
}

// describe makes the map `kubernetes` of what is known: p is nil when nobody could tell.
func (c *config) describe(n names, p *pod, entity *entity) event.Value {
	var o object
	o.text("pod_name", n.pod)
	o.text("namespace_name", n.namespace)
	if p == nil {
		o.text("container_name", n.container)
		o.text("docker_id", n.dockerID)
		return event.AppendMapOf(nil, o)
	}
	entity.describe(&o, p)
	o.value("pod_id", p.uid)
	if c.labels {
		o.value("labels", p.labels)
	}
	if c.annotations {
		o.value("annotations", p.annotations)
	}
	if c.owners {
		o.value("ownerReferences", p.owners)
	}
	o.value("host", p.node)
	o.value("pod_ip", p.ip)
	known := p.container(n.container)
	o.text("container_name", n.container)
	o.text("docker_id", first(n.dockerID, known.id))
	o.text("container_hash", first(n.hash, known.hash))
	o.text("container_image", known.image)
	return event.AppendMapOf(nil, o)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// namespace is what records need of a namespace.
type namespace struct {
	name                string
	labels, annotations event.Value
}

func readNamespace(name string, v event.Value) *namespace {
	meta := v.Get("metadata")
	return &namespace{name, keep(meta.Get("labels")), keep(meta.Get("annotations"))}
}

// describeNamespace makes the map `kubernetes_namespace`.
func (c *config) describeNamespace(ns *namespace) event.Value {
	var o object
	o.text("name", ns.name)
	if c.nsLabels {
		o.value("labels", ns.labels)
	}
	if c.nsAnnotations {
		o.value("annotations", ns.annotations)
	}
	return event.AppendMapOf(nil, o)
}
