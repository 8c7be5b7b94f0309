// In_poll makes a plugin file of package poll.
package main

import (
	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/examples/in_poll/poll"
)

func init() { cshared.Input(poll.Plugin) }

func main() { cshared.Main() }
