#include <stddef.h>
#include <stdint.h>

// One LuaJIT state and what a run needs. A thread uses it at a time.
typedef struct machine machine;

enum { OPT_TIME_TABLE = 1, OPT_NULL = 2, OPT_INTERPRET = 4 };
enum { RUN_OK, RUN_ERROR, RUN_BODY, RUN_DEPTH, RUN_LARGE, RUN_TIME, RUN_MEMORY };

machine *flj_open(size_t memory, int options);
void flj_close(machine *m);

// Before flj_load: what FLB_ENV holds, keys whose values are integers or arrays.
void flj_variable(machine *m, const char *key, size_t key_len, const char *value, size_t value_len);
void flj_key(machine *m, const char *key, size_t len, int array);

// Compiles the source; with call it runs it as well and finds the function. 0 or 1 with flj_error.
int flj_load(machine *m, const char *source, size_t len, const char *name, const char *call);
const char *flj_error(machine *m, size_t *len);

// Calls the function for each record of in and appends a result for each to out.
//
//   in:  u32 seconds, u32 nanoseconds, u32 lengths of group, metadata and body, and these
//   out: i32 code, u32 seconds, u32 nanoseconds, u32 lengths of metadata and body, and these
//
// Numbers are in the machine's byte order. Returns one of RUN_….
int flj_run(machine *m, const char *tag, size_t tag_len, const char *in, size_t in_len);
const char *flj_out(machine *m, size_t *len);

// How many calls were begun; another thread may ask.
uint64_t flj_calls(machine *m);

// Has the running call end, from another thread: at first with an error that the interpreter raises, and,
// asked again, by leaving the state for ever when it is in compiled code, which heeds nothing. Then RUN_TIME
// is returned and flj_lost is true.
void flj_interrupt(machine *m);
int flj_lost(machine *m);
size_t flj_used(machine *m);
