package input

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi/guest"
	"github.com/fluent/fluent-bit-go/internal/abi/hosttest"
)

func host(t *testing.T, properties map[string]string) *hosttest.Host {
	h := hosttest.New(properties)
	t.Cleanup(h.Close)
	return h
}

func TestRegisterFillsTheDefinition(t *testing.T) {
	declared := []ConfigMap{
		{Type: FLB_CONFIG_MAP_STR, Name: "url", DefValue: "http://x", Desc: "where"},
		{Type: FLB_CONFIG_MAP_SLIST_2, Name: "pairs", Flags: FLB_CONFIG_MAP_MULT | FLB_CONFIG_MAP_DYNAMIC_ENV},
	}
	seen := []hosttest.Property{
		{Type: 0, Name: "url", Default: "http://x", Desc: "where"},
		{Type: 42, Name: "pairs", Flags: 3},
	}
	f := func(register func(def unsafe.Pointer) int, want hosttest.Definition) {
		t.Helper()
		h := host(t, nil)
		if ret := register(h.Def); ret != 0 {
			t.Fatalf("ret %d", ret)
		}
		want.Type, want.Proxy, want.Name, want.Description = 1, FLB_PROXY_GOLANG, "name", "about"
		if got := h.Definition(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		FLBPluginUnregister(h.Def)
		if got := h.Definition(); got.Name != "" || got.ConfigMap != nil {
			t.Errorf("after unregister: %+v", got)
		}
		FLBPluginUnregister(h.Def)
	}
	f(func(def unsafe.Pointer) int { return FLBPluginRegister(def, "name", "about") }, hosttest.Definition{})
	f(func(def unsafe.Pointer) int {
		return FLBPluginRegisterWithEventType(def, FLB_INPUT_METRICS, "name", "about")
	},
		hosttest.Definition{EventType: 1})
	f(func(def unsafe.Pointer) int { return FLBPluginRegisterWithConfigMap(def, "name", "about", declared) },
		hosttest.Definition{ConfigMap: seen})
	f(func(def unsafe.Pointer) int {
		return FLBPluginRegisterWithEventTypeAndConfigMap(def, FLB_INPUT_TRACES, "name", "about", declared)
	}, hosttest.Definition{EventType: 2, ConfigMap: seen})
	f(func(def unsafe.Pointer) int {
		return FLBPluginRegisterWithOptions(def, WithName("name"), WithDescription("about"), WithEventType(FLB_INPUT_TRACES), WithConfigMap(nil))
	}, hosttest.Definition{EventType: 2})
}

func TestRegisterWithoutNameOrDefinitionFails(t *testing.T) {
	h := host(t, nil)
	if FLBPluginRegisterWithOptions(h.Def, WithDescription("about")) != -1 || FLBPluginRegister(nil, "name", "about") != -1 {
		t.Error("registered")
	}
}

func TestAFieldThatOlderHostsLackIsLeftAlone(t *testing.T) {
	h := host(t, nil)
	last := (*uintptr)(unsafe.Add(h.Def, 40))
	*last = 0x1234
	FLBPluginRegister(h.Def, "name", "about")
	FLBPluginUnregister(h.Def)
	if *last != 0x1234 {
		t.Errorf("config_map is %#x", *last)
	}
}

func TestUnregisterOfAnInstanceFreesNothing(t *testing.T) {
	h := host(t, map[string]string{"url": "http://x"})
	FLBPluginRegister(h.Def, "name", "about")
	FLBPluginUnregister(h.Instance)
	FLBPluginUnregister(nil)
	if got := FLBPluginConfigKey(h.Instance, "url"); got != "http://x" {
		t.Errorf("url is %q", got)
	}
	FLBPluginUnregister(h.Def)
}

func TestConfigKey(t *testing.T) {
	h := host(t, map[string]string{"url": "http://x", "a.b": "dots", "empty": "", "long": strings.Repeat("x", 1<<16)})
	f := func(key, want string) {
		t.Helper()
		if got := FLBPluginConfigKey(h.Instance, key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
	f("url", "http://x")
	f("URL", "http://x")
	f("a.b", "dots")
	f("empty", "")
	f("missing", "")
	f("", "")
	f("long", strings.Repeat("x", 1<<16))
	if FLBPluginConfigKey(nil, "url") != "" {
		t.Error("a nil instance has properties")
	}
}

func TestContextsComeBackUntouched(t *testing.T) {
	type config struct{ url string }
	shared := &config{"x"}
	f := func(value any) {
		t.Helper()
		h := host(t, nil)
		FLBPluginSetContext(h.Instance, value)
		if got := FLBPluginGetContext(h.Remote(remote)); !reflect.DeepEqual(got, value) {
			t.Errorf("got %#v, want %#v", got, value)
		}
	}
	f("text")
	f(7)
	f(config{"by value"})
	f(shared)
	f(nil)
	f([]string{"not", "comparable"})
	f(map[string]int{"a": 1})
}

func TestEachInstanceHasItsContext(t *testing.T) {
	a, b := host(t, nil), host(t, nil)
	FLBPluginSetContext(a.Instance, "a")
	FLBPluginSetContext(b.Instance, "b")
	if FLBPluginGetContext(a.Remote(remote)) != "a" || FLBPluginGetContext(b.Remote(remote)) != "b" {
		t.Error("mixed up")
	}
}

func TestUnknownPointersHaveNoContext(t *testing.T) {
	h := host(t, nil)
	FLBPluginSetContext(nil, "x")
	FLBPluginSetContext(unsafe.Pointer(&[4]uintptr{}), "x") // an instance without a context
	for _, p := range []unsafe.Pointer{nil, h.Instance, h.Def, h.Remote(remote), unsafe.Pointer(&h)} {
		if got := FLBPluginGetContext(p); got != nil {
			t.Errorf("%v: got %v", p, got)
		}
	}
}

func TestContextsEndWithTheirRegistration(t *testing.T) {
	before := contexts.Len()
	old, reloaded := host(t, nil), host(t, nil)
	FLBPluginRegister(old.Def, "name", "about")
	for range 100 {
		FLBPluginSetContext(old.Instance, "old") // again and again: one handle
	}
	if n := contexts.Len() - before; n != 1 {
		t.Fatalf("%d contexts", n)
	}
	FLBPluginRegister(reloaded.Def, "name", "about")
	FLBPluginSetContext(reloaded.Instance, "new")

	FLBPluginUnregister(old.Def)
	if got := FLBPluginGetContext(old.Remote(remote)); got != nil {
		t.Errorf("the old context is still %v", got)
	}
	if got := FLBPluginGetContext(reloaded.Remote(remote)); got != "new" {
		t.Errorf("the new context is %v", got)
	}
	FLBPluginUnregister(reloaded.Def)
	if n := contexts.Len(); n != before {
		t.Errorf("%d contexts left over", n-before)
	}
}

func TestContextsTakeManyGoroutines(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			h := hosttest.New(nil)
			defer h.Close()
			FLBPluginRegister(h.Def, "name", "about")
			defer FLBPluginUnregister(h.Def)
			FLBPluginSetContext(h.Instance, h)
			for range 100 {
				FLBPluginGetContext(h.Remote(remote))
				FLBPluginConfigKey(h.Instance, "url")
			}
		})
	}
	all.Wait()
}

func TestGetContextAllocatesNothing(t *testing.T) {
	h := host(t, nil)
	FLBPluginSetContext(h.Instance, "x")
	p := h.Remote(remote)
	if n := testing.AllocsPerRun(100, func() { FLBPluginGetContext(p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

const remote = guest.InputRemote
