package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The cases of this file, too, run against both interpreters.

func TestScriptsFindTheirLibraries(t *testing.T) {
	same(t, `return 2, ts, {a = bit.band(255, 15), b = bit.bor(1, 6), c = bit.bxor(5, 1), d = bit.bnot(0), e = bit.lshift(1, 31), f = bit.rshift(-1, 28), g = bit.arshift(-256, 4), h = bit.rol(0x12345678, 12), i = bit.tohex(255, 4), j = bit.tobit(2^32 + 1), k = bit.bswap(0x12345678), l = bit.ror(1, 1), m = require("bit").band(1, 3)}`,
		`{}`, `{"a":15,"b":7,"c":4,"d":-1,"e":-2147483648,"f":15,"g":-16,"h":1164411171,"i":"00ff","j":1,"k":2018915346,"l":-2147483648,"m":1}`)
	same(t, `local h, m = string.match(rec.t, "(%d+):(%d+)") return 2, ts, {h = tonumber(h), s = string.format("%02d|%s", m, rec.t:upper()), n = select("#", 1, 2), g = (rec.t:gsub("%d", "x"))}`,
		`{"t":"at 12:5"}`, `{"g":"at xx:x","h":12,"n":2,"s":"05|AT 12:5"}`)
	same(t, `return 2, os.time(), {d = os.date("!%Y-%m-%d", 0), c = table.concat({1, 2, 3}, "-"), p = math.floor(2.7), w = coroutine.wrap(function() coroutine.yield(5) end)()}`,
		`{}`, `{"c":"1-2-3","d":"1970-01-01","p":2,"w":5}`)
}

// value runs an expression and looks at what it gives.
func value(t *testing.T, expression, want string) {
	t.Helper()
	same(t, `return 2, ts, {v = `+expression+`}`, `{"ns":1700000000123456789,"f":1700000000.5,"s":"é 010"}`, `{"v":`+want+`}`)
}

func TestNumbersAreWrittenWithFourteenDigits(t *testing.T) {
	value(t, `tostring(rec.f) .. "|" .. rec.f`, `"1700000000.5|1700000000.5"`)
	value(t, `10/3 .. "," .. 0.1 + 0.2 .. "," .. 1e15 .. "," .. -7 .. "," .. 99999999999999`, `"3.3333333333333,0.3,1e+15,-7,99999999999999"`)
	value(t, `1 .. ("x"):rep(2) .. select(2, "a", 2.50) .. (function() return 1e-7, 5 end)()`, `"1xx2.51e-07"`)
	value(t, `string.format("%s", rec.ns) .. string.sub(rec.f, 1, 4) .. #table.concat({rec.f, 2}, 0.5)`, `"1.7000000001235e+18170016"`)
	value(t, `1/0 .. -1/0`, `"inf-inf"`)
	same(t, `local n = 0 for i = 1, 3 do n = n .. i end repeat n = n .. 1.0 until #n > 5 return 2, ts, {v = n}`, `{}`, `{"v":"012311"}`)
	out, log := run(t, `return 2, ts, {v = "a" .. {}}`, `{"a":1}`)
	if out != `{"a":1}` || !strings.Contains(log, "concat") {
		t.Errorf("%s, log %s", out, log)
	}
}

func TestTextsAreFormattedAsInC(t *testing.T) {
	value(t, `string.format("%d|%5d|%-5d|%05d|%+d|%.3d|%i", 3.7, 1, -2, 3, 4, 5, "6")`, `"3|    1|-2   |00003|+4|005|6"`)
	value(t, `string.format("%x|%X|%#x|%o|%u|%x", 255, 255, 255, 8, 5, -1)`, `"ff|FF|0xff|10|5|ffffffffffffffff"`)
	value(t, `string.format("%f|%.2f|%8.3f|%-8.1f|%08.2f|%e|%g|%g|%G", 1, "3.14159", 2, 3, -4.5, 12345.678, 123456789, 0.0001, 1e-10)`,
		`"1.000000|3.14|   2.000|3.0     |-0004.50|1.234568e+04|1.23457e+08|0.0001|1E-10"`)
	value(t, `string.format("%s|%5s|%-5s|%.2s|%c%%|%s|%s", "é", "é", "ab", "xyz", 65, nil, true)`, `"\u00e9|   \u00e9|ab   |xy|A%|nil|true"`)
	value(t, `string.format("%q", 'a"b\\c\n')`, `"\"a\\\"b\\\\c\\\n\""`)
	value(t, `string.format("%s", setmetatable({}, {__tostring = function() return "T" end}))`, `"T"`)
	for _, wrong := range []string{`"%d", "x"`, `"%s %s", "a"`, `"%y", 1`, `"%", 1`} {
		value(t, `pcall(string.format, `+wrong+`)`, `false`)
	}
}

func TestTheLibrariesAreThoseOfLuaJIT(t *testing.T) {
	value(t, `string.upper(rec.s .. "a") .. string.lower("É A")`, `"\u00e9 010A\u00c9 a"`)
	value(t, `string.rep("ab", 3, "-") .. string.rep("x", 0, "-")`, `"ab-ab-ab"`)
	value(t, `tonumber("1e3") + tonumber(" 0x10 ") + tonumber("-0x1") + tonumber("ff", 16) + tonumber("010")`, `1280`)
	value(t, `tostring(tonumber("1_0")) .. tostring(tonumber("")) .. tostring(tonumber("5x")) .. tostring(tonumber({}))`, `"nilnilnilnil"`)
	value(t, `"010" + 5 .. "|" .. "10" * "0x10" .. "|" .. -"2" .. "|" .. 7 % "4" .. "|" .. "2" ^ 3 .. "|" .. "9" / 2 - "1"`, `"15|160|-2|3|8|3.5"`)
	value(t, `pcall(function() return "x" + 1 end)`, `false`)
	value(t, `"1" + setmetatable({}, {__add = function(a, b) return a .. "!" end})`, `"1!"`)
	value(t, `tostring(math.huge) .. math.log(8, 2) .. math.log(1)`, `"inf30"`)
	value(t, `os.date("!%j|%T|%e|%c|%Z", 1700000000.75)`, `"318|22:13:20|14|Tue Nov 14 22:13:20 2023|GMT"`)
	value(t, `os.date("!*t", 0).year`, `1970`)
	value(t, `collectgarbage("count") > 0 and collectgarbage()`, `0`)
	value(t, `select(2, pcall(assert, false, "no"))`, `"no"`)
	value(t, `assert(5, "no")`, `5`)
	value(t, `load("return 1/3 .. ''")() .. loadstring("return 2")() .. type(load(function() return nil end, "n")) .. tostring(load("return +"))`, `"0.333333333333332functionnil"`)
	value(t, `(function() local s = "" for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do s = s .. k .. v end return s end)()`, `"a1b2"`)
}

func TestEscapesOfLuaJITAreKnown(t *testing.T) {
	value(t, `"\x41\u{e9}\065" .. '"\x22' .. [[\x41]]`, `"A\u00e9A\"\"\\x41"`)
	same(t, "-- it's \\x\n--[[ \"\\x\n ]] local s = rec.a[#[=[]]]=] - 1] return 2, ts, {v = s .. '\\\\x41'}", `{"a":["z"]}`, `{"v":"z\\x41"}`)
	same(t, `return 2, ts, {v = rec.a:gsub("\x1b%[%d*m", "")}`, `{"a":"\u001b[31mred"}`, `{"v":"red"}`)
}

func TestLoadedFilesAreCompiledTheSameWay(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "part.lua"), []byte(`return {text = function(n) return n .. "\x21" end}`), 0o600); err != nil {
		t.Fatal(err)
	}
	value(t, `dofile("`+dir+`/part.lua").text(1e15)`, `"1e+15!"`)
	value(t, `(function() package.path = "`+dir+`/?.lua" return require("part").text(0.5) end)()`, `"0.5!"`)
	value(t, `loadfile("`+dir+`/none.lua") == nil and pcall(require, "none")`, `false`)
}

func TestPatternsAreThoseOfLua(t *testing.T) {
	// all runs a search and joins what it gives.
	all := func(call, want string) {
		t.Helper()
		value(t, `(function(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]) end return table.concat(t, "|") end)(`+call+`)`, `"`+want+`"`)
	}
	all(`string.find("hello", "l+")`, "3|4")
	all(`string.find("hello", "(l)(l)()")`, "3|4|l|l|5")
	all(`string.find("a.b", ".", 2, true)`, "2|2")
	all(`string.find("a+b", "+", 1, true)`, "2|2")
	all(`string.find("abc", "b", -1)`, "nil")
	all(`string.find("abc", "", 10)`, "4|3")
	all(`string.find("abc", "^b", 2)`, "2|2")
	all(`string.match("key = val", "^(%w+)%s*=%s*(%w*)$")`, "key|val")
	all(`string.match("2024-01-02", "%d+", -2)`, "02")
	all(`string.match("f(a(b)c)d", "%b()")`, "(a(b)c)")
	all(`string.match("x'y\"z'", "(['\"])(.-)%1")`, "'|y\\\"z")
	all(`string.match("  trim  ", "^%s*(.-)%s*$")`, "trim")
	all(`string.match("a]-b", "[]-]+")`, "]-")
	all(`string.match("a-b^c", "[%-^]")`, "-")
	all(`string.match("aXb", "[^a-z]")`, "X")
	all(`string.match("price: $5.", "%$%d%p$")`, "$5.")
	all(`string.match("a\0b", "%z")`, "\\u0000")
	all(`string.match("no", "x?y-z*n")`, "n")
	all(`string.match("é", "[\128-\255]+")`, "\\u00e9")
	all(`string.match("abc", "((a)(b))()")`, "ab|a|b|3")
	all(`string.gsub("hello world", "o", "0", 1)`, "hell0 world|1")
	all(`string.gsub("hello", "", "-")`, "-h-e-l-l-o-|6")
	all(`string.gsub("abc", "%w*", "x")`, "xx|2")
	all(`string.gsub("abc", "^a", "%0%0")`, "aabc|1")
	all(`string.gsub("abc abc", "(a)(b)", "%2%1%%%0")`, "ba%abc ba%abc|2")
	all(`string.gsub("$a $b $c", "%$(%w+)", {a = 1, b = "two"})`, "1 two $c|3")
	all(`string.gsub("abc", "%w", function(c) if c == "b" then return 1.5 end end)`, "a1.5c|3")
	all(`string.gsub("THE (quick) fox", "%f[%a]%a+", "X")`, "X (X) X|3")
	all(`string.gsub("12 a34", "%f[%w]%d+%f[%W]", "*")`, "* a34|1")
	all(`string.gsub(12.5, "%.", ",")`, "12,5|1")
	all(`(function() local t = {} for k, v in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do t[#t + 1] = k .. v end return unpack(t) end)()`, "a1|b2")
	all(`(function() local t = {} for w in string.gmatch("a,,b", "[^,]*") do t[#t + 1] = "<" .. w .. ">" end return unpack(t) end)()`, "<a>|<>|<>|<b>|<>")
	for _, wrong := range []string{`"find", "a", "["`, `"find", "a", "(a"`, `"match", "a", "a)"`, `"match", "a", "%"`, `"match", "a", "%1"`, `"match", "a", "%b"`, `"match", "a", "%f"`, `"gsub", "a", "a", "%2"`, `"gsub", "a", "a", {a = true}`, `"gsub", "a", "a"`, `"gmatch", {}, "a"`} {
		value(t, `(function(f, ...) return (pcall(string[f], ...)) end)(`+wrong+`)`, `false`)
	}
}
