// Command fluent-bit is the log agent.
package main

import (
	"github.com/fluent/fluent-bit-go/agent/cmd"
	"github.com/fluent/fluent-bit-go/plugin"
)

func main() { cmd.Main(plugin.Set{}) }
