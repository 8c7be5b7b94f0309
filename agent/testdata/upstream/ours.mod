// The same programs with our SDK: go build -modfile=ours.mod ./…
module upstream.test

go 1.26

require github.com/fluent/fluent-bit-go v0.0.0

replace github.com/fluent/fluent-bit-go => ../../../
