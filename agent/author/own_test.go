package author

import "testing"

func TestModulesOfFoldersHaveAVersionThatTheirPathAllows(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if got := (module{Path: path}).Placeholder(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	f("example.com/out_foo", "v0.0.0")
	f("example.com/out_foo/v2", "v2.0.0")
	f("gopkg.in/foo.v3", "v3.0.0")
	f("example.com/foo/v1", "v0.0.0")
	f("example.com/foo/v12", "v12.0.0")
}
