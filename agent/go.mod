module github.com/fluent/fluent-bit-go/agent

go 1.26.0

require github.com/fluent/fluent-bit-go v0.0.0

require (
	github.com/dlclark/regexp2 v1.12.0 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/fluent/fluent-bit-go => ../
