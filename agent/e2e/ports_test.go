package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Cases run at the same time, so two that listen on one port fail now and then.
func TestCasesHavePortsOfTheirOwn(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	port := regexp.MustCompile(`\b2[0-9]{4}\b`)
	owner := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range port.FindAllString(string(text), -1) {
			if first, taken := owner[p]; taken && first != file {
				t.Errorf("%s and %s both use port %s", first, file, p)
			}
			owner[p] = file
		}
	}
}
