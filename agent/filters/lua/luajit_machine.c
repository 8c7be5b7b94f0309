//go:build luajit && linux

#define _GNU_SOURCE
#include <link.h>
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "luajit_machine.h"
#include "luajit_pack.h"

struct machine {
    lua_State *L;
    int options, args, broken; // broken: RUN_… that ended the run
    char *call;

    lua_Alloc alloc; // LuaJIT's own, which ours counts for
    void *heap;
    size_t used, limit;

    const char *tag, *in, *in_end; // of the run
    size_t tag_len;
    struct buffer out;
    struct keys keys;

    volatile uint64_t calls;
    volatile sig_atomic_t tripped, lost;
    pthread_t thread;
    sigjmp_buf way_out;
    char error[512];
};

static __thread machine *volatile running;

// The name of a signal that nobody else uses.
#define SIGNAL (SIGRTMAX - 3)

// Where the code of the program and its libraries is: what runs elsewhere was compiled by LuaJIT.
static struct { uintptr_t from, to; } code[256];
static volatile int codes;

static int note_code(struct dl_phdr_info *info, size_t size, void *data)
{
    for (int i = 0; i < info->dlpi_phnum && codes < 256; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && (p->p_flags & PF_X)) {
            code[codes].from = info->dlpi_addr + p->p_vaddr;
            code[codes].to = code[codes].from + p->p_memsz;
            codes++;
        }
    }
    return 0;
}

static int compiled(void *context)
{
#if defined(__x86_64__)
    uintptr_t pc = ((ucontext_t *) context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    uintptr_t pc = ((ucontext_t *) context)->uc_mcontext.pc;
#else
    return 0;
#endif
    for (int i = 0; i < codes; i++) {
        if (pc >= code[i].from && pc < code[i].to) {
            return 0;
        }
    }
    return 1;
}

static void raise_time(lua_State *L, lua_Debug *ar)
{
    running->broken = RUN_TIME;
    luaL_error(L, "took too long");
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    machine *m = running;

    if (m == NULL) {
        return; // the run ended meanwhile
    }
    if (!m->tripped) {
        m->tripped = 1;
        lua_sethook(m->L, raise_time, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    }
    else if (compiled(context)) {
        m->lost = 1;
        siglongjmp(m->way_out, 1);
    }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

    sigemptyset(&sa.sa_mask);
    sigaction(SIGNAL, &sa, NULL);
    dl_iterate_phdr(note_code, NULL);
}

static void *count(void *ud, void *ptr, size_t from, size_t to)
{
    machine *m = ud;
    void *p;

    if (to > from && m->used + (to - from) > m->limit) {
        return NULL;
    }
    p = m->alloc(m->heap, ptr, from, to);
    if (p != NULL || to == 0) {
        m->used += to - from;
    }
    return p;
}

static int no_exit(lua_State *L)
{
    return luaL_error(L, "os.exit would end the agent, which it may not");
}

machine *flj_open(size_t memory, int options)
{
    machine *m;

    pthread_once(&once, prepare);
    m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->options = options;
    m->limit = memory;
    m->L = luaL_newstate();
    if (m->L == NULL) {
        free(m);
        return NULL;
    }
    if (options & OPT_INTERPRET) {
        luaJIT_setmode(m->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    }
    luaL_openlibs(m->L);
    lua_getglobal(m->L, "os");
    lua_pushcfunction(m->L, no_exit);
    lua_setfield(m->L, -2, "exit");
    lua_newtable(m->L);
    lua_setglobal(m->L, "FLB_ENV");
    if (options & OPT_NULL) {
        lua_pushlightuserdata(m->L, NULL);
        lua_setglobal(m->L, "flb_null");
    }
    lua_settop(m->L, 0);
    m->used = (size_t) lua_gc(m->L, LUA_GCCOUNT, 0) * 1024;
    m->alloc = lua_getallocf(m->L, &m->heap);
    lua_setallocf(m->L, count, m);
    return m;
}

void flj_close(machine *m)
{
    if (!m->lost) { // a state that was left in the middle of something is not to be touched
        lua_setallocf(m->L, m->alloc, m->heap);
        lua_close(m->L);
    }
    free(m->out.data);
    free(m->call);
    pack_free_keys(&m->keys);
    free(m);
}

void flj_variable(machine *m, const char *key, size_t key_len, const char *value, size_t value_len)
{
    lua_getglobal(m->L, "FLB_ENV");
    lua_pushlstring(m->L, key, key_len);
    lua_pushlstring(m->L, value, value_len);
    lua_settable(m->L, -3);
    lua_settop(m->L, 0);
}

void flj_key(machine *m, const char *key, size_t len, int array)
{
    pack_add_key(&m->keys, key, len, array);
}

static void keep_error(machine *m)
{
    size_t len = 0;
    const char *text = lua_tolstring(m->L, -1, &len);

    if (text == NULL) {
        text = "an error that is no text";
        len = strlen(text);
    }
    if (len >= sizeof(m->error)) {
        len = sizeof(m->error) - 1;
    }
    memcpy(m->error, text, len);
    m->error[len] = 0;
}

const char *flj_error(machine *m, size_t *len)
{
    *len = strlen(m->error);
    return m->error;
}

// enter runs the function on top of the stack, which takes and returns nothing, so that flj_interrupt works.
static int enter(machine *m)
{
    int ret;

    m->tripped = 0;
    m->broken = 0;
    m->thread = pthread_self();
    if (sigsetjmp(m->way_out, 1) != 0) {
        running = NULL;
        return RUN_TIME;
    }
    running = m;
    ret = lua_pcall(m->L, 0, 0, 0);
    running = NULL;
    if (m->tripped) {
        lua_sethook(m->L, NULL, 0, 0);
    }
    fflush(stdout); // what the script printed
    if (ret == 0) {
        return RUN_OK;
    }
    keep_error(m);
    lua_settop(m->L, 0);
    if (m->broken) {
        return m->broken;
    }
    if (ret == LUA_ERRMEM || strstr(m->error, "not enough memory") != NULL) {
        lua_gc(m->L, LUA_GCCOLLECT, 0);
        return RUN_MEMORY;
    }
    return RUN_ERROR;
}

int flj_load(machine *m, const char *source, size_t len, const char *name, const char *call)
{
    int ret;

    if (luaL_loadbuffer(m->L, source, len, name) != 0) {
        keep_error(m);
        return RUN_ERROR;
    }
    if (call == NULL) {
        return RUN_OK;
    }
    m->call = strdup(call);
    m->calls++;
    ret = enter(m);
    if (ret != RUN_OK) {
        return ret;
    }
    lua_getglobal(m->L, call);
    if (!lua_isfunction(m->L, -1)) {
        snprintf(m->error, sizeof(m->error), "the script has no function '%s'; 'call' names the one to use", call);
        return RUN_BODY;
    }
    m->args = 3;
    lua_getglobal(m->L, "debug"); // lua_getinfo of 5.1 does not tell parameters
    lua_getfield(m->L, -1, "getinfo");
    lua_pushvalue(m->L, 1);
    lua_pushstring(m->L, "u");
    if (lua_pcall(m->L, 2, 1, 0) == 0 && lua_istable(m->L, -1)) {
        lua_getfield(m->L, -1, "nparams");
        if (lua_tointeger(m->L, -1) >= 5) {
            m->args = 5;
        }
    }
    lua_settop(m->L, 0);
    return RUN_OK;
}

static void push_time(machine *m, uint32_t sec, uint32_t nsec)
{
    if (!(m->options & OPT_TIME_TABLE)) {
        lua_pushnumber(m->L, (double) sec + (double) nsec / 1e9);
        return;
    }
    lua_createtable(m->L, 0, 2);
    lua_pushnumber(m->L, sec);
    lua_setfield(m->L, -2, "sec");
    lua_pushnumber(m->L, nsec);
    lua_setfield(m->L, -2, "nsec");
}

// take_time reads the time at index; what is no time leaves the record's own.
static void take_time(machine *m, int index, uint32_t *sec, uint32_t *nsec)
{
    lua_State *L = m->L;
    double s, n;

    if (m->options & OPT_TIME_TABLE) {
        if (!lua_istable(L, index)) {
            return;
        }
        lua_getfield(L, index, "sec");
        lua_getfield(L, index < 0 ? index - 1 : index, "nsec");
        s = lua_tonumber(L, -2);
        n = lua_tonumber(L, -1);
        lua_pop(L, 2);
        if (s >= 0 && s <= UINT32_MAX && n >= 0 && n < 1e9) {
            *sec = (uint32_t) s;
            *nsec = (uint32_t) n;
        }
        return;
    }
    if (!lua_isnumber(L, index)) {
        return;
    }
    s = lua_tonumber(L, index);
    if (s >= 0 && s <= UINT32_MAX && s != (double) *sec + (double) *nsec / 1e9) {
        *sec = (uint32_t) s;
        *nsec = (uint32_t) ((s - *sec) * 1e9);
    }
}

// one calls the function for the record at m->in.
static void one(machine *m)
{
    lua_State *L = m->L;
    struct buffer *out = &m->out;
    uint32_t head[5], sec, nsec, back[5];
    size_t at, body;
    const char *p;
    int code, returns = m->args == 5 ? 4 : 3;

    memcpy(head, m->in, sizeof(head));
    sec = head[0];
    nsec = head[1];
    p = m->in + sizeof(head);
    m->in = p + head[2] + head[3] + head[4];
    lua_getglobal(L, m->call);
    lua_pushvalue(L, 3);
    push_time(m, sec, nsec);
    if (m->args == 5) {
        pack_push(L, p, m->options & OPT_NULL);
        pack_push(L, p + head[2], m->options & OPT_NULL);
    }
    pack_push(L, p + head[2] + head[3], m->options & OPT_NULL);
    m->calls++;
    lua_call(L, m->args, returns);

    code = (int) lua_tointeger(L, -returns);
    at = out->len;
    pack_bytes(L, out, back, sizeof(back));
    if (code == 1) {
        take_time(m, 1 - returns, &sec, &nsec);
    }
    body = out->len;
    if (code == 1 || code == 2) {
        if (returns == 4 && lua_istable(L, -2)) {
            lua_pushvalue(L, -2);
            m->broken = pack_value(L, out, &m->keys);
            lua_pop(L, 1);
        }
        body = out->len;
        if (!m->broken) {
            m->broken = pack_value(L, out, &m->keys);
        }
        if (m->broken) {
            luaL_error(L, "the result cannot be taken");
        }
    }
    back[0] = (uint32_t) code;
    back[1] = sec;
    back[2] = nsec;
    back[3] = (uint32_t) (body - at - sizeof(back));
    back[4] = (uint32_t) (out->len - body);
    memcpy(out->data + at, back, sizeof(back));
    lua_pop(L, returns);
}

// run_all is called by Lua with the machine; the stack then holds the metatables of maps and lists, which
// pack_push expects at 1 and 2, and the tag.
static int run_all(lua_State *L)
{
    machine *m = lua_touserdata(L, lua_upvalueindex(1));

    lua_settop(L, 0);
    luaL_checkstack(L, 600, "records are nested too deep");
    pack_metatables(L);
    lua_pushlstring(L, m->tag, m->tag_len);
    while (m->in < m->in_end) {
        one(m);
    }
    return 0;
}

int flj_run(machine *m, const char *tag, size_t tag_len, const char *in, size_t in_len)
{
    m->tag = tag;
    m->tag_len = tag_len;
    m->in = in;
    m->in_end = in + in_len;
    m->out.len = 0;
    lua_pushlightuserdata(m->L, m);
    lua_pushcclosure(m->L, run_all, 1);
    return enter(m);
}

const char *flj_out(machine *m, size_t *len)
{
    *len = m->out.len;
    return m->out.data;
}

uint64_t flj_calls(machine *m) { return m->calls; }
void flj_interrupt(machine *m) { pthread_kill(m->thread, SIGNAL); }
int flj_lost(machine *m) { return m->lost; }
size_t flj_used(machine *m) { return m->used; }
