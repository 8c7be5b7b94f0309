// Package version says which Fluent Bit this is.
package version

// FluentBit is the Fluent Bit whose behaviour this is. Clients compare it, so it is not a number of our own.
const FluentBit = "5.1.1"
