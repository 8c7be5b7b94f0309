package plugintest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
	"github.com/fluent/fluent-bit-go/plugintest"
)

// upper is the filter that is tested below.
var upper = plugin.Spec[plugin.Filter]{Name: "upper", Config: func() plugin.Config[plugin.Filter] { return new(upperFilter) }}

type upperFilter struct {
	key string
	log *slog.Logger
}

func (f *upperFilter) Options() []option.Option {
	return []option.Option{option.String("key", &f.key).Required().Help("The key to change.")}
}

func (f *upperFilter) New(env plugin.Env) (plugin.Filter, error) {
	f.log = env.Log
	return f, nil
}

func (f *upperFilter) Filter(_ context.Context, b *event.Batch) error {
	for r := range b.Edit() {
		fields := r.Fields()
		for i := range fields {
			if text := fields[i].Val.Str(); text != nil && fields[i].Is(f.key) {
				fields[i].Val = event.AppendStr(nil, bytes.ToUpper(text))
				r.SetFields(fields)
				f.log.Debug("changed", "from", string(text))
			}
		}
	}
	return nil
}

// A test of a filter. In a plugin it is a function of its own: func TestTextsBecomeUpperCase(t *testing.T).
func Example() {
	test := func(t testing.TB) {
		h := plugintest.New(t)
		f := h.Filter(upper, "key a")
		for _, body := range f.Run(`{"a":"x","b":"y"}`, `{"a":1}`) {
			fmt.Println(body)
		}
		fmt.Print(h.Log())
		fmt.Println(plugintest.Err(h, upper, "kye a"))
	}
	run(test)
	// Output:
	// {"a":"X","b":"y"}
	// {"a":1}
	// level=DEBUG msg=changed plugin=upper.0 from=x
	// test.conf:1:1: unknown configuration property 'kye'; did you mean 'key'?
	// test.conf:1: the property 'key' is missing; set it: The key to change.
}

// Conform and Golden are tests of their own.
func ExampleConform() {
	_ = func(t *testing.T) { plugintest.Conform(t, upper, "key a") }
	_ = func(t *testing.T) { plugintest.Golden(t, upper, "testdata/*.txt") }
}

// run runs a test outside of `go test`'s own list.
func run(test func(testing.TB)) {
	t := new(outside)
	defer func() {
		for _, f := range t.ends {
			defer f()
		}
	}()
	test(t)
}

type outside struct {
	testing.TB
	ends []func()
}

func (t *outside) Helper()                      {}
func (t *outside) Cleanup(f func())             { t.ends = append(t.ends, f) }
func (t *outside) Errorf(s string, args ...any) { fmt.Printf(s+"\n", args...) }
func (t *outside) Fatalf(s string, args ...any) { panic(fmt.Sprintf(s, args...)) }
func (t *outside) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
