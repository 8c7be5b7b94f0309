package output

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi/guest"
)

// Types of properties, for [ConfigMap].
const (
	FLB_CONFIG_MAP_STR        = 0
	FLB_CONFIG_MAP_STR_PREFIX = 1 // any key that begins with the name
	FLB_CONFIG_MAP_INT        = 2
	FLB_CONFIG_MAP_BOOL       = 3
	FLB_CONFIG_MAP_DOUBLE     = 4
	FLB_CONFIG_MAP_SIZE       = 5 // bytes, as in 2M
	FLB_CONFIG_MAP_TIME       = 6 // seconds, as in 2H
	FLB_CONFIG_MAP_DEPRECATED = 7

	// Lists separated by commas. A number is how many values are split off before the remainder.
	FLB_CONFIG_MAP_CLIST   = 30
	FLB_CONFIG_MAP_CLIST_1 = 31
	FLB_CONFIG_MAP_CLIST_2 = 32
	FLB_CONFIG_MAP_CLIST_3 = 33
	FLB_CONFIG_MAP_CLIST_4 = 34

	// Lists separated by blanks.
	FLB_CONFIG_MAP_SLIST   = 40
	FLB_CONFIG_MAP_SLIST_1 = 41
	FLB_CONFIG_MAP_SLIST_2 = 42
	FLB_CONFIG_MAP_SLIST_3 = 43
	FLB_CONFIG_MAP_SLIST_4 = 44

	FLB_CONFIG_MAP_VARIANT = 50 // a list or a map
)

// Flags of properties, for [ConfigMap].
const (
	FLB_CONFIG_MAP_MULT        = 1 // the key may be given several times
	FLB_CONFIG_MAP_DYNAMIC_ENV = 2 // environment variables are looked up when the value is used
)

// ConfigMap declares one property of a plugin. A plugin that declares any has its configuration checked by the
// host: unknown keys are refused, and defaults are filled in. The C Fluent Bit does so since 5.1.1 and ignores
// the declaration before.
type ConfigMap struct {
	Type     int    // one of FLB_CONFIG_MAP_STR …
	Name     string // the key
	DefValue string // the value when the key is not given
	Flags    int    // FLB_CONFIG_MAP_MULT, FLB_CONFIG_MAP_DYNAMIC_ENV or both
	Desc     string // for the help
}

// Option is a part of a registration, for [FLBPluginRegisterWithOptions].
type Option func(*guest.Registration)

// WithName sets the name by which configurations call the plugin. Without it the registration fails.
func WithName(name string) Option {
	return func(r *guest.Registration) { r.Name = name }
}

// WithDescription sets the line that the host's help shows.
func WithDescription(desc string) Option {
	return func(r *guest.Registration) { r.Description = desc }
}

// WithEventType sets what the plugin takes. The default is logs.
func WithEventType(eventType int) Option {
	return func(r *guest.Registration) { r.EventType = eventType }
}

// WithConfigMap declares the plugin's properties.
func WithConfigMap(cmap []ConfigMap) Option {
	return func(r *guest.Registration) {
		r.ConfigMap = make([]guest.Property, len(cmap))
		for i, m := range cmap {
			r.ConfigMap[i] = guest.Property{Type: m.Type, Name: m.Name, Default: m.DefValue, Flags: m.Flags, Desc: m.Desc}
		}
	}
}

// FLBPluginRegisterWithOptions is [FLBPluginRegister] with everything that may be said about a plugin.
func FLBPluginRegisterWithOptions(def unsafe.Pointer, options ...Option) int {
	r := guest.Registration{Type: FLB_PROXY_OUTPUT_PLUGIN}
	for _, o := range options {
		o(&r)
	}
	return guest.Register(def, r)
}

// FLBPluginRegisterWithEventType is [FLBPluginRegister] for a plugin that takes other events than logs.
func FLBPluginRegisterWithEventType(def unsafe.Pointer, eventType int, name, desc string) int {
	return FLBPluginRegisterWithOptions(def, WithName(name), WithDescription(desc), WithEventType(eventType))
}

// FLBPluginRegisterWithConfigMap is [FLBPluginRegister] for a plugin that declares its properties.
func FLBPluginRegisterWithConfigMap(def unsafe.Pointer, name, desc string, cmap []ConfigMap) int {
	return FLBPluginRegisterWithOptions(def, WithName(name), WithDescription(desc), WithConfigMap(cmap))
}

// FLBPluginRegisterWithEventTypeAndConfigMap does what its name says.
func FLBPluginRegisterWithEventTypeAndConfigMap(def unsafe.Pointer, eventType int, name, desc string, cmap []ConfigMap) int {
	return FLBPluginRegisterWithOptions(def, WithName(name), WithDescription(desc), WithEventType(eventType), WithConfigMap(cmap))
}
