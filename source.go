// Package fluentbit carries the source of this SDK inside of programs that are built with it.
//
// Through the module proxy, the path github.com/fluent/fluent-bit-go resolves to another SDK. So the agent lays
// this one beside a plugin that it creates or builds, and nothing has to be fetched.
package fluentbit

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Module is the path that a plugin's go.mod requires, and replaces by the folder of [WriteSource].
const Module = "github.com/fluent/fluent-bit-go"

//go:embed go.mod source.go cshared event input internal metric option output plugin plugintest
var source embed.FS

// Source returns the SDK's files: go.mod, Go without the tests, and what cgo compiles along.
func Source() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(source, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case d.IsDir() || !belongs(path):
			return nil
		}
		files[path], err = source.ReadFile(path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the SDK's source inside of this program: %w", err)
	}
	return files, nil
}

// belongs tells whether a plugin's build may need a file.
func belongs(path string) bool {
	switch filepath.Ext(path) {
	case ".go":
		return !strings.HasSuffix(path, "_test.go")
	case ".mod", ".h", ".c":
		return true
	}
	return false
}

// WriteSource lays the SDK into a folder, which is made when it is missing. An existing go.mod of another
// module is never overwritten; an older copy of the SDK is.
func WriteSource(dir string) error {
	if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && !strings.HasPrefix(string(b), "module "+Module+"\n") {
		return fmt.Errorf("write the SDK's source: %s holds another module; name a folder of its own", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the SDK's source: %w", err)
	}
	files, err := Source()
	if err != nil {
		return err
	}
	for path, content := range files {
		to := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return fmt.Errorf("write the SDK's source: %w", err)
		}
		if err := os.WriteFile(to, content, 0o666); err != nil {
			return fmt.Errorf("write the SDK's source: %w", err)
		}
	}
	return nil
}
