/* The worker protocol as C sees it; internal/wire says what it means. */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || __SIZEOF_POINTER__ != 8
#error "the worker protocol is for little-endian 64-bit machines"
#endif

#define WIRE_VERSION 1
#define WIRE_ENV "FLUENT_BIT_GO_WORKER"
#define WIRE_MAX_PACKET (64 << 10)
#define WIRE_NO_INSTANCE UINT32_MAX
#define WIRE_HELD 1
#define WIRE_SERVE "FluentBitServe"

enum wire_op {
	OP_LOAD = 1,
	OP_LANE,
	OP_REGION,
	OP_INIT,
	OP_PRERUN,
	OP_FLUSH,
	OP_COLLECT,
	OP_FETCH,
	OP_PAUSE,
	OP_RESUME,
	OP_PREEXIT,
	OP_EXIT,
	OP_UNREGISTER,
	OP_PING,
	OP_LOG,
};

struct frame {
	uint32_t op, seq, inst, paylen;
	int32_t rc;
	uint32_t flags;
	uint64_t off, len;
};

_Static_assert(sizeof(struct frame) == 40, "frame");

#define WIRE_MAX_PAYLOAD (WIRE_MAX_PACKET - sizeof(struct frame))

/* The descriptor of the control socket. */
#define CONTROL_FD 3

#endif
