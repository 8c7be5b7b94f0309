module github.com/fluent/fluent-bit-go/agent

go 1.26

require github.com/fluent/fluent-bit-go v0.0.0

replace github.com/fluent/fluent-bit-go => ../
