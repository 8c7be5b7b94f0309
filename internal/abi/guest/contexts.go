package guest

// #include <stdlib.h>
import "C"

import (
	"sync"
	"unsafe"
)

// Where the remote pointer stands inside of a host's context.
const (
	OutputRemote = 0
	InputRemote  = unsafe.Sizeof(uintptr(0)) // behind coll_fd and its padding
)

// Contexts keeps one Go value per plugin instance. The host gets a handle, a byte of C memory: it hands it
// back as the first argument of the …Ctx callbacks, and may not see a pointer to Go memory. The zero value is
// ready; safe for concurrent use.
type Contexts struct {
	// Remote is the offset of the remote pointer, [OutputRemote] or [InputRemote].
	Remote uintptr

	mu     sync.RWMutex
	values map[unsafe.Pointer]entry // by handle
}

type entry struct {
	value      any
	generation uint64
}

// Set gives an instance its value. A second call replaces the value behind the handle that the host has
// already. Without an instance, or one that has no context, it does nothing.
func (c *Contexts) Set(instance unsafe.Pointer, value any) {
	p := (*Instance)(instance)
	if p == nil || p.context == nil {
		return
	}
	remote := (*unsafe.Pointer)(unsafe.Add(p.context, c.Remote))
	e := entry{value, generation()}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[unsafe.Pointer]entry{}
	}
	if _, ok := c.values[*remote]; ok {
		c.values[*remote] = e
		return
	}
	handle := C.malloc(1)
	c.values[handle] = e
	*remote = handle
}

// Get returns the value behind a handle, nil for any other pointer.
func (c *Contexts) Get(handle unsafe.Pointer) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.values[handle].value
}

// Len returns how many values are kept.
func (c *Contexts) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.values)
}

// drop forgets the values that were set after registration number gen and before the next.
func (c *Contexts) drop(gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for handle, e := range c.values {
		if e.generation == gen {
			delete(c.values, handle)
			C.free(handle)
		}
	}
}
