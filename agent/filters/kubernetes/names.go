package kubernetes

import (
	"github.com/fluent/fluent-bit-go/agent/internal/regex"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/plugin"
)

// names are what the name of a log file, or of a container in the journal, tells.
type names struct {
	pod, namespace, container, dockerID, hash string
}

// Log files are called POD_NAMESPACE_CONTAINER-ID.log, containers in the journal PREFIX_CONTAINER.HASH_POD_NAMESPACE_…
const (
	fileName    = `(?<pod_name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*)_(?<namespace_name>[^_]+)_(?<container_name>.+)-(?<docker_id>[a-z0-9]{64})\.log$`
	journalName = `^(?<name_prefix>[^_]+)_(?<container_name>[^\._]+)(\.(?<container_hash>[^_]+))?_(?<pod_name>[^_]+)_(?<namespace_name>[^_]+)_[^_]+_[^_]+$`
)

// namer takes such names apart.
type namer struct {
	re     *regex.Regexp
	parser plugin.Parser // in its place
}

func newNamer(c *config, env plugin.Env) (n namer, err error) {
	if c.regexParser != "" {
		p, ok := env.Parser(c.regexParser)
		if !ok {
			return n, missingParser(env, "regex_parser", c.regexParser)
		}
		return namer{parser: p}, nil
	}
	pattern := fileName
	if c.journal {
		pattern = journalName
	}
	n.re, err = regex.Compile(pattern)
	return n, err
}

// split returns false when text is no such name.
func (n *namer) split(text string) (found names, ok bool) {
	set := func(key, value string) {
		switch key {
		case "pod_name":
			found.pod = value
		case "namespace_name":
			found.namespace = value
		case "container_name":
			found.container = value
		case "docker_id":
			found.dockerID = value
		case "container_hash":
			found.hash = value
		}
	}
	if n.parser != nil {
		body, _, err := n.parser.Parse(nil, []byte(text))
		if err != nil {
			return found, false
		}
		for k, v := range event.Value(body).Pairs() {
			set(string(k.Str()), string(v.Str()))
		}
		return found, true
	}
	at := n.re.Find(nil, []byte(text))
	if len(at) == 0 {
		return found, false
	}
	for i, name := range n.re.Names() {
		if from := at[2*i]; from >= 0 {
			set(name, text[from:at[2*i+1]])
		}
	}
	return found, true
}
