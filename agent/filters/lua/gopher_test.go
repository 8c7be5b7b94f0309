//go:build !luajit || !linux

package lua

import (
	"strings"
	"testing"
)

func TestAFrontierIsRefusedAndNotMisread(t *testing.T) {
	out, log := run(t, `return 2, ts, {v = rec.a:gsub("%f[%d]%d+", "*")}`, `{"a":"x 12"}`)
	if out != `{"a":"x 12"}` || !strings.Contains(log, "string.gsub: the pattern %f is not supported") {
		t.Errorf("%s, log %s", out, log)
	}
	value(t, `string.find("a%f[x]", "%%f[x[]")`, `2`)
	value(t, `string.find("a%f[x]", "%f[x]", 1, true)`, `2`)
}
