// Package abi names the numbers of Fluent Bit's C interface for Go plugins: struct layouts, return codes
// and kinds, as the agent, its workers and the SDK share them.
//
// The layouts are those of Fluent Bit 5.1 on 64-bit Linux (flb_plugin_proxy.h, proxy/go/go.h, flb_api.h
// and flb_config_map.h in its source), offsets in bytes.
package abi

// Return codes of the exported functions. A flush that returns anything else counts as [Error].
const (
	Error = 0
	OK    = 1
	Retry = 2
)

// Kinds of plugins, at [DefType].
const (
	TypeInput  = 1
	TypeOutput = 2
	TypeCustom = 3
)

// ProxyGo is what a Go plugin writes at [DefProxy].
const ProxyGo = 11

// Values at [DefEventType]; 0 counts as logs.
const (
	EventLogs    = 1
	EventMetrics = 2
	EventTraces  = 4
)

// The definition that FLBPluginRegister fills. Name and description are malloc'ed strings which
// FLBPluginUnregister frees.
//
//	0    4     8     12  16   24          32         36  40         48
//	type|proxy|flags|   |name|description|event_type|   |config_map|
const (
	DefType        = 0
	DefProxy       = 4
	DefFlags       = 8
	DefName        = 16
	DefDescription = 24
	DefEventType   = 32
	DefConfigMap   = 40 // absent in older SDKs, which leave the host's NULL alone
	DefSize        = 48
)

// The plugin struct that FLBPluginInit receives. Callbacks follow, which the SDK never reads.
//
//	0    8   16       24      32
//	name|api|instance|context|
const (
	PluginName     = 0
	PluginAPI      = 8
	PluginInstance = 16
	PluginContext  = 24
)

// What stands at [PluginContext]: the handle that comes back as ctx of the …Ctx functions.
const (
	OutputContextRemote = 0
	InputContextRemote  = 8 // an int coll_fd stands before it
)

// The function table at [PluginAPI], as offsets.
const (
	APIOutputGetProperty = 0
	APIInputGetProperty  = 8
	APIOutputGetCMT      = 16
	APIInputGetCMT       = 24
	APILogPrint          = 32
	APIInputLogCheck     = 40
	APIOutputLogCheck    = 48
	APICustomGetProperty = 56
	APICustomLogCheck    = 64
	APISize              = 72
)

// One entry of the array at [DefConfigMap]; an entry without a name ends it.
//
//	0    8    16        24    28           32     40          48      88     104
//	type|name|def_value|flags|set_property|offset|description|(value)|(list)|
const (
	ConfigType        = 0
	ConfigName        = 8
	ConfigDefault     = 16
	ConfigFlags       = 24
	ConfigDescription = 40
	ConfigSize        = 104
)

// Levels of log_print and the log checks.
const (
	LogOff   = 0
	LogError = 1
	LogWarn  = 2
	LogInfo  = 3
	LogDebug = 4
	LogTrace = 5
)
