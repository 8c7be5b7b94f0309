// Package guest is the plugin's side of Fluent Bit's C ABI for Go plugins: it fills the definition that the
// host hands to FLBPluginRegister, asks the host for properties, and keeps the contexts of instances.
//
// The layouts are those of Fluent Bit 5.1 on 64-bit and 32-bit machines with natural C alignment:
//
//	definition                 instance             context of an output    context of an input
//	  int   type                 char *name           void *remote            int   coll_fd
//	  int   proxy                api  *api            void *proxy             void *remote
//	  int   flags                void *instance                               void *proxy
//	  char *name                 context *context
//	  char *description
//	  int   event_type
//	  map  *config_map  (hosts since 5.1.1; older ones end before it)
//
// Pointers that come in were made by the host. Nil is answered, never followed.
package guest

/*
#include <stdlib.h>

struct list { struct list *prev, *next; };

// One entry of a configuration map. The plugin fills the part above the line, the host the rest.
struct property {
	int type;
	char *name;
	char *def_value;
	int flags;
	int set_property;
	unsigned long offset;
	char *desc;
	// ----
	union { int i; double d; size_t s; void *p; } value;
	char *raw;
	struct list *mult;
	struct list value_head;
	struct list head;
};

typedef const char *(*get_property)(const char *key, void *instance);

typedef void (*log_print)(int level, const char *file, int line, const char *fmt, ...);

static void call_log_print(void *f, int level, const char *line)
{
	((log_print) f)(level, NULL, 0, "%s", line);
}

typedef int (*log_check)(void *instance, int level);

static int call_log_check(void *f, void *instance, int level)
{
	return ((log_check) f)(instance, level);
}

static const char *call_get_property(void *f, const char *key, void *instance)
{
	return ((get_property) f)(key, instance);
}
*/
import "C"

import (
	"sync"
	"unsafe"
)

// What a definition says about its plugin.
const (
	TypeInput  = 1
	TypeOutput = 2
	TypeCustom = 3

	ProxyGo = 11
)

// Where the host's table of functions keeps the property getters.
const (
	OutputProperty = 0
	InputProperty  = 1
	CustomProperty = 7
)

// Where it keeps the functions that say whether an instance logs at a level.
const (
	InputLogCheck  = 5
	OutputLogCheck = 6
)

// logPrint is where the host's table keeps its logging function.
const logPrint = 4

// Def is the definition of a plugin, filled by [Register].
type Def struct {
	typ, proxy, flags C.int
	name, description *C.char
	eventType         C.int
	configMap         *C.struct_property
}

// Instance is what the host hands to FLBPluginInit. What follows these fields belongs to the host.
type Instance struct {
	name     *C.char
	api      *[9]unsafe.Pointer
	instance unsafe.Pointer
	context  unsafe.Pointer
}

// Registration is what a plugin says about itself.
type Registration struct {
	Type              int // TypeInput or TypeOutput
	Name, Description string
	EventType         int
	ConfigMap         []Property // none: the host checks no keys
}

// Property declares one configuration key.
type Property struct {
	Type    int
	Name    string
	Default string
	Flags   int
	Desc    string
}

// registered holds what [Register] allocated, by definition: [Unregister] is called by some plugins with
// other pointers, and must then free nothing.
var registered struct {
	sync.Mutex
	defs  map[unsafe.Pointer]*allocation
	count uint64
}

type allocation struct {
	generation uint64
	blocks     []unsafe.Pointer
}

// Register fills def. It returns 0, or -1 (the host then gives the plugin up) when def is nil or r has no name.
func Register(def unsafe.Pointer, r Registration) int {
	if def == nil || r.Name == "" {
		return -1
	}
	a := &allocation{}
	p := (*Def)(def)
	p.typ = C.int(r.Type)
	p.proxy = ProxyGo
	p.flags = 0
	p.name = a.string(r.Name)
	p.description = a.string(r.Description)
	p.eventType = C.int(r.EventType)
	if len(r.ConfigMap) > 0 { // otherwise not touched: older hosts have no such field
		p.configMap = a.configMap(r.ConfigMap)
	}

	registered.Lock()
	defer registered.Unlock()
	registered.count++
	a.generation = registered.count
	if registered.defs == nil {
		registered.defs = map[unsafe.Pointer]*allocation{}
	}
	if old := registered.defs[def]; old != nil {
		old.free()
	}
	registered.defs[def] = a
	return 0
}

// Unregister frees what [Register] allocated for def, and the contexts of the instances that came after it.
// Any other pointer, and a second call, does nothing.
func Unregister(def unsafe.Pointer, contexts *Contexts) {
	registered.Lock()
	defer registered.Unlock()
	a := registered.defs[def]
	if a == nil {
		return
	}
	delete(registered.defs, def)
	p := (*Def)(def)
	p.name, p.description = nil, nil
	if a.hasMap() {
		p.configMap = nil
	}
	a.free()
	contexts.drop(a.generation)
}

// generation numbers the registrations, to tell the instances of a reload from those before it.
func generation() uint64 {
	registered.Lock()
	defer registered.Unlock()
	return registered.count
}

func (a *allocation) string(s string) *C.char {
	c := C.CString(s)
	a.blocks = append(a.blocks, unsafe.Pointer(c))
	return c
}

// configMap lays the map out as the host wants it: an array that ends with an entry of zeros.
func (a *allocation) configMap(properties []Property) *C.struct_property {
	n := len(properties)
	block := C.calloc(C.size_t(n+1), C.sizeof_struct_property)
	a.blocks = append(a.blocks, block)
	entries := unsafe.Slice((*C.struct_property)(block), n)
	for i, p := range properties {
		e := &entries[i]
		e._type = C.int(p.Type)
		e.name = a.string(p.Name)
		e.def_value = a.string(p.Default)
		e.flags = C.int(p.Flags)
		e.desc = a.string(p.Desc)
	}
	return (*C.struct_property)(block)
}

func (a *allocation) hasMap() bool { return len(a.blocks) > 2 } // name and description come first

func (a *allocation) free() {
	for _, b := range a.blocks {
		C.free(b)
	}
	a.blocks = nil
}

// ConfigKey asks the host for a property of an instance: getter is one of [OutputProperty], [InputProperty]
// and [CustomProperty]. It returns "" for what is not set, and for a host without that function.
func ConfigKey(instance unsafe.Pointer, getter int, key string) string {
	p := (*Instance)(instance)
	if p == nil || p.api == nil || p.api[getter] == nil {
		return ""
	}
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	v := C.call_get_property(p.api[getter], k, p.instance)
	if v == nil {
		return ""
	}
	return C.GoString(v)
}

// Logger is the host's log, as one instance reaches it. It may be used after Init, from any goroutine.
type Logger struct {
	print unsafe.Pointer
	level int
}

// LoggerOf returns the log of the host that made instance. check is [InputLogCheck] or [OutputLogCheck]: the host
// itself prints whatever it is given. It is asked once, in Init, since the instance may be gone before its
// goroutines are.
func LoggerOf(instance unsafe.Pointer, check int) Logger {
	p := (*Instance)(instance)
	if p == nil || p.api == nil {
		return Logger{level: highest}
	}
	l := Logger{p.api[logPrint], highest}
	if f := p.api[check]; f != nil && p.instance != nil {
		for l.level > 0 && C.call_log_check(f, p.instance, C.int(l.level)) == 0 {
			l.level--
		}
	}
	return l
}

// highest is Fluent Bit's level of most lines, trace.
const highest = 5

// Enabled reports whether lines of a level are wanted.
func (l Logger) Enabled(level int) bool { return level <= l.level }

// Print writes a line at one of Fluent Bit's levels, 1 for errors to 5 for traces. Without a host that logs
// it does nothing, and reports so.
func (l Logger) Print(level int, line string) bool {
	if l.print == nil {
		return false
	}
	c := C.CString(line)
	defer C.free(unsafe.Pointer(c))
	C.call_log_print(l.print, C.int(level), c)
	return true
}

// Name returns the plugin's name as the host has it, "" when it gives none.
func Name(instance unsafe.Pointer) string {
	p := (*Instance)(instance)
	if p == nil || p.name == nil {
		return ""
	}
	return C.GoString(p.name)
}
