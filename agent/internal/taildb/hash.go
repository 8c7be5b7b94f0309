package taildb

import (
	"encoding/binary"
	"math/bits"
)

// MarkSize is how many bytes before an offset Fluent Bit hashes, or all when there are fewer.
const MarkSize = 32

// Constants of XXH3, see the specification in the xxHash project's doc/xxhash_spec.md: the beginning of
// its secret, and primes.
const (
	prime1 = 0x9E3779B185EBCA87
	prime2 = 0xC2B2AE3D27D4EB4F
	prime3 = 0x165667B19E3779F9
	mixer  = 0x165667919E3779F9
	shaker = 0x9FB21C651E98DF25
)

var secret = [...]byte{
	0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
	0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
	0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
	0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
}

// Hash returns what Fluent Bit keeps of the bytes before an offset: XXH3 with 64 bits. b has 1 to
// [MarkSize] bytes; of no bytes it is 0.
func Hash(b []byte) int64 {
	n := uint64(len(b))
	switch {
	case n == 0:
		return 0
	case n <= 3:
		v := uint64(b[0])<<16 | uint64(b[n/2])<<24 | uint64(b[n-1]) | n<<8
		return int64(avalanche64(v ^ uint64(le32(secret[:])^le32(secret[4:]))))
	case n <= 8:
		v := uint64(le32(b[n-4:])) + uint64(le32(b))<<32
		return int64(shake(v^le64(secret[8:])^le64(secret[16:]), n))
	case n <= 16:
		lo := le64(b) ^ le64(secret[24:]) ^ le64(secret[32:])
		hi := le64(b[n-8:]) ^ le64(secret[40:]) ^ le64(secret[48:])
		return int64(avalanche(n + bits.ReverseBytes64(lo) + hi + fold(lo, hi)))
	case n <= MarkSize:
		return int64(avalanche(n*prime1 + mix(b, secret[:]) + mix(b[n-16:], secret[16:])))
	}
	panic("BUG: too many bytes for an offset's mark")
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func mix(b, secret []byte) uint64 {
	return fold(le64(b)^le64(secret), le64(b[8:])^le64(secret[8:]))
}

func avalanche(h uint64) uint64 {
	h ^= h >> 37
	h *= mixer
	return h ^ h>>32
}

func avalanche64(h uint64) uint64 {
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}

func shake(h, n uint64) uint64 {
	h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
	h *= shaker
	h ^= h>>35 + n
	h *= shaker
	return h ^ h>>28
}
