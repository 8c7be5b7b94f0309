// Package builtin lists the plugins compiled into fluent-bit, and nothing else.
package builtin

import "github.com/fluent/fluent-bit-go/plugin"

// Plugins returns the list. Adding a plugin means adding its line here.
func Plugins() plugin.Set {
	return plugin.Set{}
}
