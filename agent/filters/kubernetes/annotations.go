package kubernetes

import (
	"log/slog"
	"strings"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// wishes are what a pod says about its log with annotations fluentbit.io/parser and fluentbit.io/exclude, each
// for the streams stdout and stderr.
type wishes struct {
	any     bool
	parser  [2]wish[plugin.Parser]
	exclude [2]wish[bool]
}

type wish[T any] struct {
	value    T
	name     string // of the parser
	set      bool
	specific bool // it names the container
}

// The streams.
const (
	stdout = iota
	stderr
	noStream
)

const annotation = "fluentbit.io/"

// readWishes reads the annotations of a pod for one of its containers.
func (f *filter) readWishes(p *pod, container string) (w wishes) {
	for k, v := range p.annotations.Pairs() {
		name, ok := strings.CutPrefix(text(k), annotation)
		if !ok || name == "" {
			continue
		}
		what, stream, of, ok := splitAnnotation(name)
		if !ok {
			warn(f.log, "the annotation '%s%s' of pod %s/%s is not understood; write fluentbit.io/parser or fluentbit.io/exclude, then _stdout or _stderr, then -CONTAINER", annotation, name, p.namespace, p.name)
			continue
		}
		if of != "" && of != container {
			continue
		}
		if what == "parser" {
			f.wishParser(&w, stream, of != "", text(v), p)
		} else {
			f.wishExclude(&w, stream, of != "", v, p)
		}
	}
	return w
}

// splitAnnotation takes WHAT[_STREAM][-CONTAINER] apart.
func splitAnnotation(s string) (what string, stream int, container string, ok bool) {
	for _, what = range []string{"parser", "exclude"} {
		rest, found := strings.CutPrefix(s, what)
		if !found {
			continue
		}
		stream = noStream
		if after, found := strings.CutPrefix(rest, "_stdout"); found {
			stream, rest = stdout, after
		} else if after, found := strings.CutPrefix(rest, "_stderr"); found {
			stream, rest = stderr, after
		}
		if rest == "" {
			return what, stream, "", true
		}
		container, found = strings.CutPrefix(rest, "-")
		return what, stream, container, found && container != ""
	}
	return "", 0, "", false
}

func (f *filter) wishParser(w *wishes, stream int, specific bool, name string, p *pod) {
	if !f.byParser {
		notAllowed(f.log, "parser", p)
		return
	}
	parser, ok := f.parser(name)
	if !ok {
		warn(f.log, "there is no parser '%s', which the annotation fluentbit.io/parser of pod %s/%s names", name, p.namespace, p.name)
		return
	}
	w.any = true
	grant(&w.parser, stream, wish[plugin.Parser]{parser, name, true, specific})
}

func (f *filter) wishExclude(w *wishes, stream int, specific bool, v event.Value, p *pod) {
	if !f.byExclude {
		notAllowed(f.log, "exclude", p)
		return
	}
	yes, _ := option.ParseBool(text(v))
	w.any = true
	grant(&w.exclude, stream, wish[bool]{yes, "", true, specific})
}

func notAllowed(log *slog.Logger, what string, p *pod) {
	warn(log, "the annotation fluentbit.io/%s of pod %s/%s has no effect; k8s-logging.%s on would allow it", what, p.namespace, p.name, what)
}

// grant notes a wish: one that names the container goes before one that does not, and of the latter the first
// counts.
func grant[T any](all *[2]wish[T], stream int, w wish[T]) {
	for s := range all {
		if (stream == noStream || stream == s) && (w.specific || !all[s].set) {
			all[s] = w
		}
	}
}

// excluded tells whether records of a stream are unwanted; those of no stream when both are.
func (w *wishes) excluded(stream int) bool {
	if stream == noStream {
		return w.exclude[stdout].value && w.exclude[stderr].value
	}
	return w.exclude[stream].value
}

// parserFor returns the parser for a stream, or nil; for no stream the one that both have.
func (w *wishes) parserFor(stream int) plugin.Parser {
	if stream != noStream {
		return w.parser[stream].value
	}
	if w.parser[stdout].name == w.parser[stderr].name {
		return w.parser[stdout].value
	}
	return nil
}
