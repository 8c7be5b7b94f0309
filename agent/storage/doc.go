// Package storage keeps chunks on disk, in the layout of Fluent Bit's own files: what either agent leaves
// behind is taken up by the other.
package storage
