package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Configurations in the documents are ones that the agent takes: each block that begins with one of its
// sections.
func TestConfigurationsInTheDocumentsAreGood(t *testing.T) {
	bin := build(t)
	for _, page := range []string{"monitoring.md"} {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, block := range indented(string(text)) {
			name := "main.yaml"
			switch {
			case strings.HasPrefix(block, "[SERVICE]"):
				name = "main.conf"
				block += "[INPUT]\n    Name dummy\n[OUTPUT]\n    Name null\n    Match *\n"
			case !strings.HasPrefix(block, "pipeline:"):
				continue
			}
			found++
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(block), 0o644); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(bin+"/fluent-bit", "--dry-run", "-c", file).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s\n%s", page, err, block, out)
			}
		}
		if found == 0 {
			t.Errorf("%s has no configuration", page)
		}
	}
}

// indented returns the code blocks of a page, which are indented by four blanks.
func indented(page string) (blocks []string) {
	var block strings.Builder
	for line := range strings.Lines(page) {
		code, ok := strings.CutPrefix(line, "    ")
		if ok || block.Len() > 0 && strings.TrimSpace(line) == "" {
			block.WriteString(code)
			continue
		}
		if block.Len() > 0 {
			blocks = append(blocks, block.String())
			block.Reset()
		}
	}
	return append(blocks, block.String())
}
