// Out_webhook makes a plugin file of package webhook.
package main

import (
	"github.com/fluent/fluent-bit-go/cshared"
	"github.com/fluent/fluent-bit-go/examples/out_webhook/webhook"
)

func init() { cshared.Output(webhook.Plugin) }

func main() { cshared.Main() }
