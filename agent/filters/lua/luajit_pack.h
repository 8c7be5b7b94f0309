#include <lua.h>
#include <stddef.h>

// Records between MessagePack and Lua's stack.

struct buffer {
    char *data;
    size_t len, cap;
};

// Keys whose values have a type of their own.
struct keys {
    struct { char *text; size_t len; int array; } list[64];
    int n;
};

void pack_add_key(struct keys *k, const char *text, size_t len, int array);
void pack_free_keys(struct keys *k);

// Puts the metatables that mark maps and lists at 1 and 2 of an empty stack.
void pack_metatables(lua_State *L);

// Pushes the value at p, which is valid, and returns where it ends.
const char *pack_push(lua_State *L, const char *p, int null);

// Appends the value on top of the stack. Returns 0, or RUN_DEPTH or RUN_LARGE.
int pack_value(lua_State *L, struct buffer *out, struct keys *keys);
void pack_bytes(lua_State *L, struct buffer *out, const void *data, size_t len);
