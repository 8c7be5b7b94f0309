// Package hosttest is as much of a host as the tests of the plugin's side need: definitions and instances in C
// memory, laid out as Fluent Bit does, and the functions that answer for properties and log levels.
package hosttest

/*
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct def {
	int type, proxy, flags;
	char *name, *description;
	int event_type;
	char *config_map;
};

struct pair { char *key, *value; struct pair *next; };

static const char *get(const char *key, void *instance)
{
	for (struct pair *p = *(struct pair **) instance; p; p = p->next)
		if (strcasecmp(p->key, key) == 0)
			return p->value;
	return NULL;
}

// The level is a number here.
static int check(void *instance, int level)
{
	const char *v = get("log_level", instance);
	return v ? atoi(v) >= level : level <= 3;
}

static void *checker(void) { return (void *) check; }

static void *getter(void) { return (void *) get; }

// Text at an offset of a config map's entry number n, whose size is 104 bytes on 64-bit machines.
static char *map_text(char *map, int n, int offset) { return *(char **) (map + 104 * n + offset); }
static int map_int(char *map, int n, int offset) { return *(int *) (map + 104 * n + offset); }
*/
import "C"

import "unsafe"

// Host is one definition and one instance. Close frees them.
type Host struct {
	Def, Instance unsafe.Pointer
	context       unsafe.Pointer
	blocks        []unsafe.Pointer
}

// New returns a host whose instance has the given properties.
func New(properties map[string]string) *Host {
	h := &Host{}
	word := C.size_t(unsafe.Sizeof(uintptr(0)))
	h.Def = h.alloc(C.sizeof_struct_def)
	h.context = h.alloc(3 * word)
	h.Instance = h.alloc(4 * word)
	api := unsafe.Slice((*unsafe.Pointer)(h.alloc(9*word)), 9)
	api[0], api[1], api[7] = C.getter(), C.getter(), C.getter()
	api[5], api[6] = C.checker(), C.checker()

	list := (**C.struct_pair)(h.alloc(word))
	for k, v := range properties {
		p := (*C.struct_pair)(h.alloc(C.sizeof_struct_pair))
		p.key, p.value, p.next = h.string(k), h.string(v), *list
		*list = p
	}
	instance := unsafe.Slice((*unsafe.Pointer)(h.Instance), 4)
	instance[1] = unsafe.Pointer(&api[0])
	instance[2] = unsafe.Pointer(list)
	instance[3] = h.context
	return h
}

func (h *Host) alloc(n C.size_t) unsafe.Pointer {
	p := C.calloc(1, n)
	h.blocks = append(h.blocks, p)
	return p
}

func (h *Host) string(s string) *C.char {
	c := C.CString(s)
	h.blocks = append(h.blocks, unsafe.Pointer(c))
	return c
}

// Remote returns what the plugin put at an offset of the instance's context: the first argument of its callbacks.
func (h *Host) Remote(offset uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Add(h.context, offset))
}

// Definition is what a plugin said about itself.
type Definition struct {
	Type, Proxy, Flags, EventType int
	Name, Description             string
	ConfigMap                     []Property
}

// Property is an entry of a config map.
type Property struct {
	Type, Flags         int
	Name, Default, Desc string
}

// Definition reads the definition as a host does.
func (h *Host) Definition() Definition {
	d := (*C.struct_def)(h.Def)
	out := Definition{
		Type: int(d._type), Proxy: int(d.proxy), Flags: int(d.flags), EventType: int(d.event_type),
		Name: C.GoString(d.name), Description: C.GoString(d.description),
	}
	for i := C.int(0); d.config_map != nil && C.map_text(d.config_map, i, 8) != nil; i++ {
		out.ConfigMap = append(out.ConfigMap, Property{
			Type:    int(C.map_int(d.config_map, i, 0)),
			Name:    C.GoString(C.map_text(d.config_map, i, 8)),
			Default: C.GoString(C.map_text(d.config_map, i, 16)),
			Flags:   int(C.map_int(d.config_map, i, 24)),
			Desc:    C.GoString(C.map_text(d.config_map, i, 40)),
		})
	}
	return out
}

// Close frees the host's memory.
func (h *Host) Close() {
	for _, b := range h.blocks {
		C.free(b)
	}
}
