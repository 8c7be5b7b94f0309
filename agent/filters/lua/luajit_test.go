//go:build !luajit || !linux

package lua

import (
	"os/exec"
	"testing"
)

// The cases of this package are those of both interpreters: here they run once more with LuaJIT.
func TestTheSameCasesPassWithLuaJIT(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package a second time")
	}
	if err := exec.Command("pkg-config", "--exists", "luajit").Run(); err != nil {
		t.Skip("LuaJIT's library is not installed (libluajit-5.1-dev)")
	}
	for _, args := range [][]string{{"vet", "-tags", "luajit", "."}, {"test", "-tags", "luajit", "-count=1", "-timeout=120s", "."}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}
