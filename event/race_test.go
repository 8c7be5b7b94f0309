//go:build race

package event

func init() { hugeValue /= 20 }
