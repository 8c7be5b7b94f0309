package wasm

// assemble makes a module by hand, without malloc: its functions take six i32 and return one. Its memory has
// one page and the text at address 16, behind a zero.
func assemble(text string, functions map[string][]byte) []byte {
	section := func(id byte, body ...byte) []byte { return append(append([]byte{id}, leb(len(body))...), body...) }
	named := func(name string, kind, index byte) []byte {
		return append(append(leb(len(name)), name...), kind, index)
	}
	exports, indices, code := named("memory", 2, 0), []byte{}, []byte{}
	i := byte(0)
	for name, body := range functions {
		typ := byte(0)
		if name == "wrong" {
			typ = 1
		}
		exports = append(exports, named(name, 0, i)...)
		indices = append(indices, typ)
		body = append(append([]byte{0}, body...), 0x0b) // no locals, end
		code = append(append(code, leb(len(body))...), body...)
		i++
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, 2, 0x60, 6, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 1, 0x7f)...)
	out = append(out, section(3, append(leb(len(indices)), indices...)...)...)
	out = append(out, section(5, 1, 0, 1)...)
	out = append(out, section(7, append([]byte{i + 1}, exports...)...)...)
	out = append(out, section(10, append([]byte{i}, code...)...)...)
	data := append([]byte{1, 0, 0x41, 16, 0x0b}, leb(len(text))...)
	return append(out, section(11, append(data, text...)...)...)
}

func leb(n int) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

// Functions: what they return is left on the stack.
var functions = map[string][]byte{
	"echo":  {0x20, 4},             // local.get record
	"text":  {0x41, 16},            // i32.const 16
	"null":  {0x41, 0},             // i32.const 0
	"empty": {0x41, 1},             // a zero byte
	"far":   {0x41, 0x80, 0x80, 4}, // i32.const 65536: behind the memory, unless it has grown
	"trap":  {0x00},                // unreachable
	"spin":  {0x03, 0x40, 0x0c, 0, 0x0b, 0x00},
	"eat":   {0x03, 0x40, 0x41, 16, 0x40, 0, 0x1a, 0x0c, 0, 0x0b, 0x00}, // memory.grow for ever
	"wrong": {0x41, 0},
}
