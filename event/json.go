package event

// JSONStyle says how values are written as JSON where Fluent Bit leaves a choice.
type JSONStyle struct {
	RawUTF8   bool // write characters beyond ASCII as they are instead of \uXXXX
	NaNAsNull bool // write null for numbers that JSON cannot hold
}
