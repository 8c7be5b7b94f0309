package forward

import (
	"errors"
	"io/fs"

	"github.com/fluent/fluent-bit-go/agent/internal/forward"
	"github.com/fluent/fluent-bit-go/agent/internal/listen"
	"github.com/fluent/fluent-bit-go/agent/internal/netinput"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

const defaultPort = 24224

type config struct {
	where     listen.Settings
	keys      forward.Keys
	prefix    string
	users     map[string]string
	unixPath  string
	unixPerm  fs.FileMode
	chunkSize int64
	maxSize   int64
	emptyKey  bool
	workers   int
}

func (c *config) Options() []option.Option {
	return append(c.where.Options(),
		option.String("tag_prefix", &c.prefix).Help("Text to put before the tag of each message."),
		option.String("shared_key", &c.keys.Shared).Secret().Help("Take messages only from clients that know this key. Clients must have one, and the same."),
		option.String("self_hostname", &c.keys.Name).Help("Name of this host in the handshake; localhost unless set."),
		users(&c.users).Help("User and password that a client must have beside the key."),
		option.String("unix_path", &c.unixPath).Help("Path of a unix socket to listen on, instead of a port."),
		listen.UnixOption("unix_perm", &c.unixPerm).Help("Permissions of that socket, in octal."),
		option.Size("buffer_chunk_size", &c.chunkSize).Default("1024000").Help("How much is read at once, at most."),
		option.Size("buffer_max_size", &c.maxSize).Default("6144000").Help("How long a message may be, before and after it is decompressed. A longer one ends its connection."),
		option.Switch("empty_shared_key", &c.emptyKey).Default("false").Help("Shake hands with an empty key, so that users alone decide."),
		option.Int("workers", &c.workers).Default("1").Help("Taken for compatibility: every connection is read on its own."),
	)
}

// users binds security.users, which may be given many times.
func users(p *map[string]string) option.Option {
	var last string
	o := option.Var("security.users", "string", &last, func(s string) (string, error) {
		words, err := option.ParseWords(s, 1)
		if err != nil || len(words) != 2 {
			return "", errors.New("is not a user and a password with a blank between them")
		}
		if *p == nil {
			*p = map[string]string{}
		}
		(*p)[words[0]] = words[1]
		return s, nil
	}).Secret()
	o.Repeats = true
	return o
}

func (c *config) New(env plugin.Env) (plugin.Input, error) {
	c.where.Default(defaultPort)
	c.where.CountIn(env.Metrics)
	c.where.Unix, c.where.UnixMode = c.unixPath, c.unixPerm
	if c.keys.Name == "" {
		c.keys.Name = "localhost"
	}
	if c.emptyKey && c.keys.Shared != "" {
		return nil, fault(env, "empty_shared_key", "shared_key and empty_shared_key contradict each other", "remove one of them")
	}
	if len(c.users) > 0 && !c.secure() {
		return nil, fault(env, "security.users", "security.users without a shared_key: nobody would be asked who he is", "set shared_key, or empty_shared_key on")
	}
	if c.chunkSize < 1 {
		return nil, fault(env, "buffer_chunk_size", "buffer_chunk_size must be at least 1 byte", "raise it")
	}
	if c.maxSize < 1024 {
		return nil, fault(env, "buffer_max_size", "buffer_max_size must be at least 1024 bytes", "raise it")
	}
	if err := c.where.Check(); err != nil {
		return nil, err
	}
	_, tagged := option.Lookup(env.Properties, "tag")
	return &input{config: *c, env: env, tagged: tagged, malformed: netinput.Malformed(env), open: map[*conn]bool{}}, nil
}

// secure reports whether clients have to shake hands.
func (c *config) secure() bool { return c.keys.Shared != "" || c.emptyKey }

func fault(env plugin.Env, key, msg, cure string) error {
	v, _ := option.Lookup(env.Properties, key)
	return &option.Error{Pos: v.Pos, Msg: msg, Cure: cure}
}
