package cmd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fluent/fluent-bit-go/agent/config"
	"github.com/fluent/fluent-bit-go/option"
	"github.com/fluent/fluent-bit-go/plugin"
)

func TestReportsTellNoSecrets(t *testing.T) {
	prop := func(key, text string) option.Property {
		return option.Property{Key: key, Value: option.Value{Text: text}}
	}
	tree := &config.Tree{Outputs: []config.Section{{Name: "http", Props: []option.Property{
		prop("header", "Authorization Bearer Tok3n"), prop("header", "X-Kind logs"), prop("http_passwd", "Tok3n"), prop("proxy", "http://me:Tok3n@proxy:8080"), prop("match", "auth.*"),
	}}}}
	var out bytes.Buffer
	writeReport(&out, tree, plugin.Set{})
	if strings.Contains(out.String(), "Tok3n") || !strings.Contains(out.String(), "auth.*") || !strings.Contains(out.String(), "me:********@proxy") {
		t.Error(out.String())
	}
}
