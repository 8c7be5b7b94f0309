package worker

/*
#cgo CFLAGS: -Wall -Wextra -O2
#cgo LDFLAGS: -ldl -lpthread
#include "abi.h"
#include "frame.h"
*/
import "C"

import (
	"unsafe"

	"github.com/fluent/fluent-bit-go/internal/abi"
	"github.com/fluent/fluent-bit-go/internal/wire"
)

// What C and Go both know is compared when this package is compiled: an index other than 0 is an error.
var (
	_ = [1]int{}[C.WIRE_VERSION-wire.Version]
	_ = [1]int{}[C.WIRE_MAX_PACKET-wire.MaxPacket]
	_ = [1]int{}[C.WIRE_HELD-wire.FlagHeld]
	_ = [1]int{}[C.sizeof_struct_frame-wire.FrameSize]
	_ = [1]int{}[unsafe.Offsetof(C.struct_frame{}.rc)-16]
	_ = [1]int{}[unsafe.Offsetof(C.struct_frame{}.len)-32]
	_ = [1]int{}[C.OP_LOAD-wire.OpLoad]
	_ = [1]int{}[C.OP_INIT-wire.OpInit]
	_ = [1]int{}[C.OP_FLUSH-wire.OpFlush]
	_ = [1]int{}[C.OP_FETCH-wire.OpFetch]
	_ = [1]int{}[C.OP_LOG-wire.OpLog]

	_ = [1]int{}[C.TYPE_CUSTOM-abi.TypeCustom]
	_ = [1]int{}[C.sizeof_struct_plugin_def-abi.DefSize]
	_ = [1]int{}[unsafe.Offsetof(C.struct_plugin_def{}.name)-abi.DefName]
	_ = [1]int{}[unsafe.Offsetof(C.struct_plugin_def{}.event_type)-abi.DefEventType]
	_ = [1]int{}[unsafe.Offsetof(C.struct_plugin_def{}.config_map)-abi.DefConfigMap]
	_ = [1]int{}[C.sizeof_struct_plugin_api-abi.APISize]
	_ = [1]int{}[unsafe.Offsetof(C.struct_plugin_api{}.log_print)-abi.APILogPrint]
	_ = [1]int{}[unsafe.Offsetof(C.struct_plugin_api{}.custom_get_property)-abi.APICustomGetProperty]
	_ = [1]int{}[unsafe.Offsetof(C.struct_init_plugin{}.context)-abi.PluginContext]
	_ = [1]int{}[unsafe.Offsetof(C.struct_input_context{}.remote_context)-abi.InputContextRemote]
	_ = [1]int{}[C.sizeof_struct_config_entry-abi.ConfigSize]
	_ = [1]int{}[unsafe.Offsetof(C.struct_config_entry{}.desc)-abi.ConfigDescription]
)
