// Package wire is the protocol between the agent and a plugin's worker process.
//
// Every message is one packet of a SOCK_SEQPACKET socket: a frame of 40 bytes, little-endian, and a
// payload of at most [MaxPayload] bytes. A request is answered by exactly one frame with its op, seq and
// inst; one request is under way per socket. Large data (records, properties) stands in shared memory,
// whose descriptor travels as SCM_RIGHTS.
//
//	0   4    8     12      16  20     24   32   40
//	op |seq |inst |paylen |rc |flags |off |len |payload …
//
// The control socket carries all but flushes and collects, which go through lanes: one socket, one thread
// and one memory region each. [OpLog] comes unasked on the control socket, with seq 0.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version numbers the protocol; both sides have to speak the same.
const Version = 1

// EnvKey is the environment variable that makes the agent's binary a worker; its value is the [Version].
const EnvKey = "FLUENT_BIT_GO_WORKER"

// Sizes in bytes.
const (
	FrameSize  = 40
	MaxPayload = 64<<10 - FrameSize
	MaxPacket  = FrameSize + MaxPayload
)

// Op says what a frame asks for, or answers.
type Op uint32

// The operations. Unless said otherwise a payload is a NUL-terminated string and rc is the plugin's
// return code.
const (
	// OpLoad opens and registers the file in payload. off: Version. flags: 1 during a hot reload.
	// Reply: rc 0, inst: kind of plugin, flags: event type, len: number of bytes in payload, which are
	// name, description and the names of its config map, each ended by NUL; or rc -1 and why in payload.
	OpLoad Op = iota + 1
	// OpLane adds a lane. Two descriptors: its socket and its region of len bytes.
	OpLane
	// OpRegion, on a lane, puts a new region of len bytes in the place of the old.
	OpRegion
	// OpInit makes instance inst. flags: its log level. Payload: its name. One descriptor: len bytes of
	// properties, key NUL value NUL each. Reply: rc, and in payload the keys that were asked for.
	OpInit
	OpPreRun     // flags: 1 during a hot reload
	OpFlush      // on a lane; payload: tag; the records are the region's first len bytes
	OpCollect    // on a lane; reply: len bytes in the region, or FlagHeld
	OpFetch      // on a lane, after FlagHeld and a larger region: like OpCollect, for the data held
	OpPause      // input
	OpResume     // input
	OpPreExit    // flags: 1 during a hot reload
	OpExit       // the instance is gone afterwards
	OpUnregister // last
	OpPing
	OpLog     // rc: level, payload: the line; inst: its instance, or NoInstance
	OpCheck   // typed plugins: like OpInit, but only looks at the properties; there is no instance afterwards
	OpFilter  // typed plugins, on a lane; like OpFlush; the reply's len bytes in the region, or FlagHeld, take the batch's place
	OpSettle  // typed inputs: the batch numbered off has settled; rc: its outcome
	OpMetrics // typed plugins; the reply's payload is what the instance counts, as package metric encodes it
	opEnd
)

// NoInstance stands where no instance is meant.
const NoInstance = ^uint32(0)

// FlagHeld in the reply to OpCollect: len bytes do not fit the region and wait for OpFetch.
const FlagHeld = 1

// FlagHotReload in OpLoad, OpPreRun and OpPreExit.
const FlagHotReload = 1

// Frame is the head of a message.
type Frame struct {
	Op    Op
	Seq   uint32
	Inst  uint32
	RC    int32
	Flags uint32
	Off   uint64
	Len   uint64
}

// ErrTooLong reports a payload that does not fit one packet.
var ErrTooLong = errors.New("payload over the protocol's limit of 64 KiB")

// Append appends f and its payload to dst.
func Append[T ~string | ~[]byte](dst []byte, f Frame, payload T) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(f.Op))
	dst = le.AppendUint32(dst, f.Seq)
	dst = le.AppendUint32(dst, f.Inst)
	dst = le.AppendUint32(dst, uint32(len(payload)))
	dst = le.AppendUint32(dst, uint32(f.RC))
	dst = le.AppendUint32(dst, f.Flags)
	dst = le.AppendUint64(dst, f.Off)
	dst = le.AppendUint64(dst, f.Len)
	return append(dst, payload...)
}

// Parse reads one packet. The payload aliases b.
func Parse(b []byte) (f Frame, payload []byte, err error) {
	if len(b) < FrameSize {
		return f, nil, fmt.Errorf("packet of %d bytes is shorter than a frame", len(b))
	}
	le := binary.LittleEndian
	f = Frame{
		Op:    Op(le.Uint32(b)),
		Seq:   le.Uint32(b[4:]),
		Inst:  le.Uint32(b[8:]),
		RC:    int32(le.Uint32(b[16:])),
		Flags: le.Uint32(b[20:]),
		Off:   le.Uint64(b[24:]),
		Len:   le.Uint64(b[32:]),
	}
	if f.Op == 0 || f.Op >= opEnd {
		return f, nil, fmt.Errorf("unknown operation %d", f.Op)
	}
	if n := le.Uint32(b[12:]); uint64(n) != uint64(len(b)-FrameSize) {
		return f, nil, fmt.Errorf("payload of %d bytes announced, %d received", n, len(b)-FrameSize)
	}
	return f, b[FrameSize:], nil
}

// CheckReply says what keeps reply from being the answer to request. region is the size of the lane's
// region, 0 on the control socket.
func CheckReply(request, reply Frame, region uint64) error {
	switch {
	case reply.Op != request.Op:
		return fmt.Errorf("reply to operation %d instead of %d", reply.Op, request.Op)
	case reply.Seq != request.Seq:
		return fmt.Errorf("reply to request %d instead of %d", reply.Seq, request.Seq)
	case reply.Op == OpLoad:
		return checkLoad(reply)
	case reply.Inst != request.Inst:
		return fmt.Errorf("reply for instance %d instead of %d", reply.Inst, request.Inst)
	case reply.Op == OpCollect || reply.Op == OpFetch || reply.Op == OpFilter:
		return checkData(reply, region)
	case reply.Off != 0:
		return fmt.Errorf("reply with offset %d instead of 0", reply.Off)
	case reply.Flags != 0 || reply.Len != 0:
		return fmt.Errorf("reply with flags %#x and length %d where both are 0", reply.Flags, reply.Len)
	}
	return nil
}

func checkLoad(reply Frame) error {
	switch {
	case reply.Off != Version:
		return fmt.Errorf("worker speaks protocol %d instead of %d", reply.Off, Version)
	case reply.RC != 0 && reply.RC != -1:
		return fmt.Errorf("load with return code %d", reply.RC)
	case reply.Len > MaxPayload:
		return fmt.Errorf("load with length %d", reply.Len)
	}
	return nil
}

// maxData is what a C.int length can say.
const maxData = 1<<31 - 1

func checkData(reply Frame, region uint64) error {
	switch {
	case reply.Flags&^(FlagHeld|FlagWatched) != 0 || reply.Op != OpCollect && reply.Flags&FlagWatched != 0:
		return fmt.Errorf("unknown flags %#x", reply.Flags)
	case reply.Op != OpCollect && reply.Off != 0:
		return fmt.Errorf("reply with offset %d instead of 0", reply.Off)
	case reply.Len > maxData:
		return fmt.Errorf("data of %d bytes is over 2 GiB", reply.Len)
	case reply.Flags&FlagHeld == 0 && reply.Len > region:
		return fmt.Errorf("data of %d bytes in a region of %d", reply.Len, region)
	case reply.Flags&FlagHeld != 0 && (reply.Len <= region || reply.Op == OpFetch):
		return fmt.Errorf("data of %d bytes held back from a region of %d", reply.Len, region)
	}
	return nil
}
