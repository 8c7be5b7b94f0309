module github.com/fluent/fluent-bit-go

go 1.26
