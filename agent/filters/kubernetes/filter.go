package kubernetes

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fluent/fluent-bit-go/agent/internal/burst"
	"github.com/fluent/fluent-bit-go/agent/internal/enrich"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

type filter struct {
	config
	log       *slog.Logger
	parser    func(string) (plugin.Parser, bool)
	mergeWith plugin.Parser
	names     namer
	store     *store
	origins   map[string]*origin // by tag, or by the container's name in the journal
	batch     uint64             // the number of the batch in hand
	strange   burst.Log          // names that are none

	fields []event.Field // of the record in hand; kept for its memory, …
	merged []byte        // … as these are
	texts  []byte
	nested []byte
}

// origin is where records come from, and what is added to them.
type origin struct {
	names names
	ok    bool
	seen  uint64 // the batch in which it was last looked up
	pod   *pod
	ns    *namespace
	whose *entity
	add   []event.Field
	wishes
}

// These bound what is remembered: anybody can write a CONTAINER_NAME to the journal.
const (
	maxOrigins = 10_000
	maxName    = 4096 // bytes; more than the path of a file
)

// Start reads what the agent's own pod knows. It waits for nobody.
func (f *filter) Start(context.Context) error {
	if !f.asks() {
		return nil
	}
	return f.store.start()
}

// Background watches the node's pods.
func (f *filter) Background(ctx context.Context) error {
	if !f.asks() {
		<-ctx.Done()
		return nil
	}
	return f.store.background(ctx)
}

// Close ends connections that are kept for later.
func (f *filter) Close() error {
	f.store.close()
	return nil
}

// Filter adds the metadata.
func (f *filter) Filter(ctx context.Context, b *event.Batch) error {
	f.batch++
	var o *origin
	switch {
	case f.dummy:
		o = dummy()
	case !f.journal:
		if o = f.origin(ctx, b.Tag); o == nil {
			return nil
		}
	}
	for e := range b.Edit() {
		own := o
		if own == nil {
			if own = f.writer(ctx, e.Get("CONTAINER_NAME").Str()); own == nil {
				continue
			}
		}
		f.edit(e, own)
	}
	return nil
}

// writer finds what belongs to the container that wrote a record of the journal, or nil.
func (f *filter) writer(ctx context.Context, name []byte) *origin {
	if known := f.origins[string(name)]; known != nil && known.seen == f.batch {
		return known // fast path: it was looked up for this batch
	}
	if name == nil {
		return nil // no container's
	}
	return f.origin(ctx, string(name))
}

// dummy is what records get in place of metadata.
func dummy() *origin {
	now := event.AppendStr(nil, time.Now().Format(time.ANSIC))
	meta := event.AppendMapOf(nil, []event.Field{{Key: event.AppendStr(nil, "dummy"), Val: now}})
	return &origin{add: []event.Field{{Key: kubernetesKey, Val: meta}}}
}

var (
	kubernetesKey = event.Value(event.AppendStr(nil, "kubernetes"))
	namespaceKey  = event.Value(event.AppendStr(nil, "kubernetes_namespace"))
)

// origin finds what belongs to a tag, or to a container's name; nil when that is no name of a container.
func (f *filter) origin(ctx context.Context, tag string) *origin {
	o := f.origins[tag]
	if o == nil {
		if len(f.origins) >= maxOrigins {
			clear(f.origins)
		}
		if o = f.identify(tag); len(tag) <= maxName {
			f.origins[tag] = o
		}
	}
	if !o.ok {
		f.strange.Error(f.log, fmt.Sprintf("'%s' does not name a pod, its records go on without metadata; check kube_tag_prefix and the input's tag, or set regex_parser", tag))
		return nil
	}
	if o.seen != f.batch {
		o.seen = f.batch
		f.look(ctx, o)
	}
	return o
}

func (f *filter) identify(tag string) *origin {
	name := tag
	if !f.journal {
		if len(f.prefix)+1 >= len(tag) {
			return &origin{}
		}
		name = tag[len(f.prefix):]
	}
	o := &origin{}
	o.names, o.ok = f.names.split(name)
	return o
}

// look asks for what is known by now, and makes what is to be added when that has changed.
func (f *filter) look(ctx context.Context, o *origin) {
	var p *pod
	var ns *namespace
	var who *entity
	if f.asks() && o.names.namespace != "" {
		if !f.nsOnly && o.names.pod != "" {
			key := podKey{o.names.namespace, o.names.pod, ""}
			if f.useDockerID {
				key.dockerID = o.names.dockerID
			}
			p = f.store.pod(ctx, key)
		}
		if f.nsLabels || f.nsAnnotations {
			ns = f.store.namespace(ctx, o.names.namespace)
		}
		who = f.store.entities.of(o.names.pod)
	}
	if o.add != nil && p == o.pod && ns == o.ns && who == o.whose {
		return // fast path: nothing new
	}
	o.pod, o.ns, o.whose, o.wishes = p, ns, who, wishes{}
	o.add = make([]event.Field, 0, 2)
	if !f.nsOnly {
		o.add = append(o.add, event.Field{Key: kubernetesKey, Val: f.describe(o.names, p, who)})
	}
	if ns != nil {
		o.add = append(o.add, event.Field{Key: namespaceKey, Val: f.describeNamespace(ns)})
	}
	if p != nil {
		o.wishes = f.readWishes(p, o.names.container)
	}
}

func streamOf(body event.Value) int {
	switch string(body.Get("stream").Str()) {
	case "stdout":
		return stdout
	case "stderr":
		return stderr
	}
	return noStream
}

// edit adds to one record, or drops it when the pod does not want it.
func (f *filter) edit(e *event.Edit, o *origin) {
	body, parser := e.Body(), f.mergeWith
	if o.any {
		stream := streamOf(body)
		if o.excluded(stream) {
			e.Drop()
			return
		}
		if p := o.parserFor(stream); p != nil {
			parser = p
		}
	}
	if !f.merge {
		f.fields = enrich.Append(f.fields[:0], body, o.add)
		e.SetFields(f.fields)
		return
	}
	t := f.mergeLog(body, parser, o.add)
	if t == (event.Time{}) {
		e.SetFields(f.fields)
		return
	}
	f.nested = event.AppendMapOf(f.nested[:0], f.fields)
	e.Insert(t, e.Meta(), f.nested) // a time and a body in one step
	e.Drop()
}
