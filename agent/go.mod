module github.com/fluent/fluent-bit-go/agent

go 1.26.0

require (
	github.com/dlclark/regexp2 v1.12.0
	github.com/fluent/fluent-bit-go v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
	go.yaml.in/yaml/v4 v4.0.0
	golang.org/x/sys v0.49.0
)

require golang.org/x/tools v0.26.0 // indirect

replace github.com/fluent/fluent-bit-go => ../
