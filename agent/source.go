// Package agent carries the agent's own source, so that an agent of one's own can be built with nothing but
// the program and a Go toolchain.
package agent

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed go.mod go.sum source.go admin author builtin cmd conf config filters inputs internal outputs parsers pipeline processors storage worker
var source embed.FS

// WriteSource lays the agent's source into a folder, without tests. The SDK's belongs into the folder above it.
func WriteSource(dir string) error {
	return fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		b, err := source.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o666)
	})
}
