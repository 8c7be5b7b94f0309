//go:build race

package parsertest

// racing is true under the race detector, where sync.Pool throws memory away on purpose.
const racing = true
