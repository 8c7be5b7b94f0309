//go:build luajit && linux

#include <lauxlib.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "luajit_machine.h"
#include "luajit_pack.h"

enum { MAX_DEPTH = 120, MAX_RECORD = 64 << 20, MAX_ARRAY = 1 << 22, LIST = 1, MAP = 2 };

void pack_add_key(struct keys *k, const char *text, size_t len, int array)
{
    if (k->n == 64) {
        return;
    }
    k->list[k->n].text = malloc(len + 1);
    memcpy(k->list[k->n].text, text, len);
    k->list[k->n].len = len;
    k->list[k->n++].array = array;
}

void pack_free_keys(struct keys *k)
{
    for (int i = 0; i < k->n; i++) {
        free(k->list[i].text);
    }
}

void pack_metatables(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, MAP);
    lua_setfield(L, 1, "type");
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, LIST);
    lua_setfield(L, 2, "type");
}

static uint64_t big_endian(const unsigned char *p, int n)
{
    uint64_t x = 0;

    while (n-- > 0) {
        x = x << 8 | *p++;
    }
    return x;
}

static void push_null(lua_State *L, int null)
{
    if (null) {
        lua_pushlightuserdata(L, NULL);
    }
    else {
        lua_pushnil(L);
    }
}

static const char *push_map(lua_State *L, const char *p, size_t n, int null)
{
    lua_createtable(L, 0, (int) n);
    while (n-- > 0) {
        p = pack_push(L, p, null);
        p = pack_push(L, p, null);
        if (lua_isnil(L, -2) || (lua_type(L, -2) == LUA_TNUMBER && isnan(lua_tonumber(L, -2)))) {
            lua_pop(L, 2); // no key of a table
        }
        else {
            lua_rawset(L, -3);
        }
    }
    lua_pushvalue(L, 1);
    lua_setmetatable(L, -2);
    return p;
}

static const char *push_list(lua_State *L, const char *p, size_t n, int null)
{
    lua_createtable(L, (int) n, 0);
    for (size_t i = 1; i <= n; i++) {
        p = pack_push(L, p, null);
        lua_rawseti(L, -2, (int) i);
    }
    lua_pushvalue(L, 2);
    lua_setmetatable(L, -2);
    return p;
}

static const char *push_text(lua_State *L, const char *p, size_t n)
{
    lua_pushlstring(L, p, n);
    return p + n;
}

static const char *push_float(lua_State *L, const char *p, int n)
{
    uint64_t bits = big_endian((const unsigned char *) p, n);
    uint32_t half = (uint32_t) bits;
    float f;
    double d;

    if (n == 4) {
        memcpy(&f, &half, 4);
        d = f;
    }
    else {
        memcpy(&d, &bits, 8);
    }
    lua_pushnumber(L, d);
    return p + n;
}

static const char *push_int(lua_State *L, const char *p, int n)
{
    uint64_t x = big_endian((const unsigned char *) p, n);

    lua_pushnumber(L, (double) ((int64_t) (x << (64 - 8 * n)) >> (64 - 8 * n)));
    return p + n;
}

static size_t size(const char **p, int n)
{
    size_t x = big_endian((const unsigned char *) *p, n);

    *p += n;
    return x;
}

const char *pack_push(lua_State *L, const char *p, int null)
{
    unsigned char lead = *p++;
    size_t n;

    if (lead < 0x80) {
        lua_pushnumber(L, lead);
        return p;
    }
    if (lead < 0x90) {
        return push_map(L, p, lead & 15, null);
    }
    if (lead < 0xa0) {
        return push_list(L, p, lead & 15, null);
    }
    if (lead < 0xc0) {
        return push_text(L, p, lead & 31);
    }
    if (lead >= 0xe0) {
        lua_pushnumber(L, (signed char) lead);
        return p;
    }
    switch (lead) {
    case 0xc2: case 0xc3:
        lua_pushboolean(L, lead & 1);
        return p;
    case 0xc4: case 0xd9:
        n = size(&p, 1);
        return push_text(L, p, n);
    case 0xc5: case 0xda:
        n = size(&p, 2);
        return push_text(L, p, n);
    case 0xc6: case 0xdb:
        n = size(&p, 4);
        return push_text(L, p, n);
    case 0xc7:
        n = size(&p, 1);
        return push_text(L, p + 1, n);
    case 0xc8:
        n = size(&p, 2);
        return push_text(L, p + 1, n);
    case 0xc9:
        n = size(&p, 4);
        return push_text(L, p + 1, n);
    case 0xca:
        return push_float(L, p, 4);
    case 0xcb:
        return push_float(L, p, 8);
    case 0xcc: case 0xcd: case 0xce: case 0xcf:
        n = 1 << (lead - 0xcc);
        lua_pushnumber(L, (double) big_endian((const unsigned char *) p, (int) n));
        return p + n;
    case 0xd0: case 0xd1: case 0xd2: case 0xd3:
        return push_int(L, p, 1 << (lead - 0xd0));
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
        return push_text(L, p + 1, (size_t) 1 << (lead - 0xd4));
    case 0xdc:
        n = size(&p, 2);
        return push_list(L, p, n, null);
    case 0xdd:
        n = size(&p, 4);
        return push_list(L, p, n, null);
    case 0xde:
        n = size(&p, 2);
        return push_map(L, p, n, null);
    case 0xdf:
        n = size(&p, 4);
        return push_map(L, p, n, null);
    }
    push_null(L, null);
    return p;
}

void pack_bytes(lua_State *L, struct buffer *out, const void *data, size_t len)
{
    if (out->cap - out->len < len) {
        size_t cap = (out->cap + len) * 2;
        char *bigger = realloc(out->data, cap);

        if (bigger == NULL) {
            luaL_error(L, "not enough memory");
        }
        out->data = bigger;
        out->cap = cap;
    }
    memcpy(out->data + out->len, data, len);
    out->len += len;
}

// put appends a lead byte and a number of n bytes.
static void put(lua_State *L, struct buffer *out, int lead, uint64_t x, int n)
{
    unsigned char b[9];

    b[0] = (unsigned char) lead;
    for (int i = 0; i < n; i++) {
        b[n - i] = (unsigned char) (x >> (8 * i));
    }
    pack_bytes(L, out, b, 1 + (size_t) n);
}

static void put_count(lua_State *L, struct buffer *out, int fix, int lead16, size_t n)
{
    if (n < 16) {
        put(L, out, fix | (int) n, 0, 0);
    }
    else if (n < 65536) {
        put(L, out, lead16, n, 2);
    }
    else {
        put(L, out, lead16 + 1, n, 4);
    }
}

static void put_text(lua_State *L, struct buffer *out, const char *s, size_t n)
{
    if (n < 32) {
        put(L, out, 0xa0 | (int) n, 0, 0);
    }
    else if (n < 256) {
        put(L, out, 0xd9, n, 1);
    }
    else if (n < 65536) {
        put(L, out, 0xda, n, 2);
    }
    else {
        put(L, out, 0xdb, n, 4);
    }
    pack_bytes(L, out, s, n);
}

static void put_unsigned(lua_State *L, struct buffer *out, uint64_t x)
{
    if (x < 128) {
        put(L, out, (int) x, 0, 0);
    }
    else if (x < 256) {
        put(L, out, 0xcc, x, 1);
    }
    else if (x < 65536) {
        put(L, out, 0xcd, x, 2);
    }
    else if (x <= UINT32_MAX) {
        put(L, out, 0xce, x, 4);
    }
    else {
        put(L, out, 0xcf, x, 8);
    }
}

static void put_number(lua_State *L, struct buffer *out, double d)
{
    uint64_t bits;

    if (d == trunc(d) && d >= 0 && d < 18446744073709551616.0) {
        put_unsigned(L, out, (uint64_t) d);
    }
    else if (d == trunc(d) && d < 0 && d >= -9223372036854775808.0) {
        int64_t i = (int64_t) d;

        if (i >= -32) {
            put(L, out, (int) (i & 255), 0, 0);
        }
        else if (i >= INT8_MIN) {
            put(L, out, 0xd0, (uint64_t) i, 1);
        }
        else if (i >= INT16_MIN) {
            put(L, out, 0xd1, (uint64_t) i, 2);
        }
        else if (i >= INT32_MIN) {
            put(L, out, 0xd2, (uint64_t) i, 4);
        }
        else {
            put(L, out, 0xd3, (uint64_t) i, 8);
        }
    }
    else {
        memcpy(&bits, &d, 8);
        put(L, out, 0xcb, bits, 8);
    }
}

static int pack(lua_State *L, struct buffer *out, struct keys *keys, int depth);

// pack_list appends n elements of the table on top of the stack.
static int pack_list(lua_State *L, struct buffer *out, struct keys *keys, size_t n, int depth)
{
    int ret = 0;

    put_count(L, out, 0x90, 0xdc, n);
    for (size_t i = 1; i <= n && ret == 0; i++) {
        lua_rawgeti(L, -1, (int) i);
        ret = pack(L, out, keys, depth + 1);
        lua_pop(L, 1);
    }
    return ret;
}

// pack_typed appends the value on top of the stack, which stands under the key below it.
static int pack_typed(lua_State *L, struct buffer *out, struct keys *keys, int depth)
{
    size_t len;
    const char *key;
    int type = lua_type(L, -1);

    if (keys->n > 0 && lua_type(L, -2) == LUA_TSTRING && (type == LUA_TNUMBER || type == LUA_TTABLE)) {
        key = lua_tolstring(L, -2, &len);
        for (int i = 0; i < keys->n; i++) {
            if (keys->list[i].array != (type == LUA_TTABLE) || keys->list[i].len != len || memcmp(keys->list[i].text, key, len) != 0) {
                continue;
            }
            if (type == LUA_TNUMBER) {
                put_number(L, out, trunc(lua_tonumber(L, -1)));
                return 0;
            }
            if (depth < MAX_DEPTH) {
                return pack_list(L, out, keys, lua_objlen(L, -1), depth + 1);
            }
        }
    }
    return pack(L, out, keys, depth + 1);
}

static int pack_map(lua_State *L, struct buffer *out, struct keys *keys, size_t n, int depth)
{
    int ret = 0;

    put_count(L, out, 0x80, 0xde, n);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (ret == 0) {
            lua_pushvalue(L, -2);
            ret = pack(L, out, keys, depth + 1);
            lua_pop(L, 1);
        }
        if (ret == 0) {
            ret = pack_typed(L, out, keys, depth);
        }
        lua_pop(L, 1);
    }
    return ret;
}

// marked returns the type that the metatable of the table on top of the stack tells, or -1.
static int marked(lua_State *L)
{
    int type = -1;

    if (lua_getmetatable(L, -1)) {
        lua_pushliteral(L, "type");
        lua_rawget(L, -2);
        if (lua_type(L, -1) == LUA_TNUMBER) {
            type = (int) lua_tointeger(L, -1);
        }
        lua_pop(L, 2);
    }
    return type;
}

static int pack_table(lua_State *L, struct buffer *out, struct keys *keys, int depth)
{
    int type = marked(L);
    size_t pairs = 0;
    double max = 0, k;

    if (type == LIST) {
        return pack_list(L, out, keys, lua_objlen(L, -1), depth);
    }
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        pairs++;
        if (type < 0 && lua_type(L, -1) == LUA_TNUMBER) {
            k = lua_tonumber(L, -1);
            if (k > max && k == trunc(k)) {
                max = k;
            }
        }
    }
    if (max > 0 && max < MAX_ARRAY) {
        return pack_list(L, out, keys, (size_t) max, depth);
    }
    return pack_map(L, out, keys, pairs, depth);
}

static int pack(lua_State *L, struct buffer *out, struct keys *keys, int depth)
{
    size_t len;
    const char *s;

    if (out->len > MAX_RECORD) {
        return RUN_LARGE;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &len);
        put_text(L, out, s, len);
        return 0;
    case LUA_TNUMBER:
        put_number(L, out, lua_tonumber(L, -1));
        return 0;
    case LUA_TBOOLEAN:
        put(L, out, 0xc2 + lua_toboolean(L, -1), 0, 0);
        return 0;
    case LUA_TTABLE:
        if (depth >= MAX_DEPTH) {
            return RUN_DEPTH;
        }
        return pack_table(L, out, keys, depth);
    }
    put(L, out, 0xc0, 0, 0); // flb_null, and what no record can hold: functions, threads
    return 0;
}

int pack_value(lua_State *L, struct buffer *out, struct keys *keys)
{
    return pack(L, out, keys, 0);
}
