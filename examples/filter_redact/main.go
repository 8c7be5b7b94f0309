// Filter_redact makes a plugin file of package redact.
package main

import (
	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/examples/filter_redact/redact"
)

func init() { cshared.Filter(redact.Plugin) }

func main() { cshared.Main() }
