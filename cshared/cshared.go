// Package cshared makes a program of a plugin that was written with package plugin, in one of two forms:
//
//   - a shared object, `go build -buildmode=c-shared`, which this project's agent and the C Fluent Bit load;
//   - a plain executable, `go build` (with CGO_ENABLED=0 it needs no libc at all), which this project's agent
//     runs. Both are named to the agent with -e.
//
// The program's main package says which plugin it is:
//
//	package main
//
//	import (
//		"example.com/mine"
//		"github.com/fluent/fluent-bit-go/cshared"
//	)
//
//	func init() { cshared.Output(mine.Plugin) }
//
//	func main() { cshared.Main() }
//
// (A shared object never runs main, hence the init.) The plugin's options are declared to the agent, which
// refuses unknown keys, shows them in its help and says where in the configuration a bad value stands.
//
// # What differs from host to host
//
// In this project's agent both forms have everything that package plugin promises, except for what needs the
// agent's own process: Env.Parser and Env.Upstream find nothing, Env.Multiline and Env.Emit fail, and Env.Stop
// only logs.
//
// The C Fluent Bit knows no filters: a filter's shared object refuses to load there and says why. It calls an
// input back once a second and gives all batches the configured tag; it never tells an input whether records
// were delivered, so that a batch counts as settled once it was handed over; and it drops what a Flush
// rejects with a line in its log.
package cshared

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluent/fluent-bit-go/internal/serve"
	"github.com/fluent/fluent-bit-go/internal/wire"
	"github.com/fluent/fluent-bit-go/plugin"
)

// held is the plugin of this program.
var held *serve.Plugin

// Output makes spec the plugin of this program. Call it from an init function, once.
func Output(spec plugin.Spec[plugin.Output]) { hold(serve.Output(spec)) }

// Input makes spec the plugin of this program. Call it from an init function, once.
func Input(spec plugin.Spec[plugin.Input]) { hold(serve.Input(spec)) }

// Filter makes spec the plugin of this program. Call it from an init function, once.
func Filter(spec plugin.Spec[plugin.Filter]) { hold(serve.Filter(spec)) }

func hold(p *serve.Plugin) {
	if held != nil {
		panic("cshared: a program holds one plugin, and " + held.Name + " is there already")
	}
	held = p
}

// Main is the main function of a plugin that is built as an executable: the agent starts it. When a person
// does, it says what it is for.
func Main() {
	if held == nil {
		panic("cshared: call cshared.Output, cshared.Input or cshared.Filter from an init function")
	}
	if os.Getenv(wire.EnvKey) == "" {
		fmt.Fprintf(os.Stderr, "This is the plugin '%s' for Fluent Bit: %s\nRun it with: fluent-bit -e %s …\n", held.Name, held.Summary, os.Args[0])
		os.Exit(2)
	}
	if err := runWorker(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}
