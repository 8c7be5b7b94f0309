//go:build !race

package parsertest

const racing = false
