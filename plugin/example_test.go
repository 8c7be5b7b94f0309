package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Plugin is what a plugin's package exports.
var Plugin = plugin.Spec[plugin.Output]{
	Name:    "print",
	Summary: "Print one key of every record",
	Config:  func() plugin.Config[plugin.Output] { return new(config) },
}

type config struct{ key string }

func (c *config) Options() []option.Option {
	return []option.Option{option.String("key", &c.key).Required().Help("The key to print.")}
}

func (c *config) New(plugin.Env) (plugin.Output, error) { return &output{*c, os.Stdout}, nil }

type output struct {
	config
	to io.Writer
}

func (o *output) Flush(_ context.Context, c *event.Chunk) error {
	var out bytes.Buffer
	var bad []int
	i := 0
	for r := range c.Records() {
		if text := r.Get(o.key).Str(); text != nil {
			fmt.Fprintf(&out, "%s: %s\n", c.Tag, text)
		} else {
			bad = append(bad, i)
		}
		i++
	}
	if _, err := o.to.Write(out.Bytes()); err != nil {
		return err // a retry may help
	}
	return plugin.Reject(fmt.Errorf("no text under '%s'", o.key), bad...) // nil when bad is empty
}

// A whole output, and what an agent does with it. A plugin's own tests use package plugintest instead.
func Example() {
	b := event.New("app")
	for _, text := range []string{`{"msg":"hello"}`, `{"msg":3}`} {
		dst, _, err := event.ParseJSON(b.Begin(event.Now()), []byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		b.Commit(dst)
	}
	chunk := event.NewChunk(1, b.Tag, event.Logs, b.Bytes(), b.Len())

	c := Plugin.Config()
	props := []option.Property{{Key: "key", Value: option.Value{Text: "msg"}}}
	if err := option.Decode(c.Options(), props, option.Pos{}); err != nil {
		fmt.Println(err)
		return
	}
	out, err := c.New(plugin.Env{Name: "print.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out.Flush(context.Background(), chunk))
	// Output:
	// app: hello
	// 1 record(s) rejected: no text under 'msg'
}

// Plain errors ask for a retry; Drop says that it cannot help. Both may be wrapped.
func ExampleDrop() {
	busy := errors.New("503 Service Unavailable")
	refused := plugin.Drop(errors.New("401 Unauthorized"))
	fmt.Println(plugin.Dropped(busy), plugin.Dropped(fmt.Errorf("post: %w", refused)))
	// Output: false true
}

// Some records were refused and all others taken.
func ExampleReject() {
	err := plugin.Reject(errors.New("too large"), 3, 5)
	if r := plugin.Rejected(err); r != nil {
		fmt.Println(r.Records, r.Err)
	}
	fmt.Println(plugin.Reject(errors.New("too large")))
	// Output:
	// [3 5] too large
	// <nil>
}

// A polling input calls Every from its Run.
func ExampleEvery() {
	n := 0
	err := plugin.Every(context.Background(), time.Millisecond, func() error {
		n++
		fmt.Println("look", n)
		if n == 2 {
			return io.EOF // ends Every; without that it goes on until the context ends
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// look 1
	// look 2
	// EOF
}
