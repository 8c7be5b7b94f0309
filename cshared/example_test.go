package cshared_test

import (
	"context"

	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/event"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

// Mine usually comes from a package of its own, so that it can also be compiled into an agent.
var Mine = plugin.Spec[plugin.Output]{
	Name:    "mine",
	Summary: "Take records and forget them",
	Config:  func() plugin.Config[plugin.Output] { return mine{} },
}

type mine struct{}

func (mine) Options() []option.Option                  { return nil }
func (m mine) New(plugin.Env) (plugin.Output, error)   { return m, nil }
func (mine) Flush(context.Context, *event.Chunk) error { return nil }

// The program's main package:
//
//	func init() { cshared.Output(Mine) }
//
//	func main() { cshared.Main() }
//
// `go build -buildmode=c-shared -o mine.so` makes a shared object of it, `CGO_ENABLED=0 go build -o mine` an
// executable.
func Example() {
	register := func() { cshared.Output(Mine) } // in init: a shared object never runs main
	main := func() { cshared.Main() }           // for the executable

	_, _ = register, main
}
