//go:build race

package tail

// The race detector has pools throw away what they hold.
func init() { pooling = false }
