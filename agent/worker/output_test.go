package worker

import (
	"testing"
)

func TestOutputLivesFromInitToUnregister(t *testing.T) {
	r := newRig(t, "output")
	o := r.output("fault.0", "host", "example.org", "Match", "*", "tls.verify", "off", "echo", "HOST,match,Tls.Verify,nothing")
	if err := o.Background(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := o.Flush(t.Context(), chunkOf("app", i*10, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.mod.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"init fault.0", "HOST=example.org", "match=*", "Tls.Verify=off", "nothing=", "prerun 0", "v2 0", "v2 99", "exit fault.0", "unregister fluent-bit-worker"} {
		if n := r.count(want); n != 1 {
			t.Errorf("%q stands %d times in the plugin's notes:\n%q", want, n, r.lines())
		}
	}
}
