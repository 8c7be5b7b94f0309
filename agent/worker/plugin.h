/* One loaded plugin file and its instances. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include "abi.h"

struct plugin {
	void *file;
	struct plugin_def def;
	struct plugin_api api;
	int32_t (*serve)(int32_t control, uint32_t version, uint32_t seq); /* NULL: it speaks C alone */
	int (*init)(struct init_plugin *);
	int (*flush)(const void *, size_t, const char *);
	int (*flush_ctx)(void *, const void *, size_t, char *);
	int (*exit)(void);
	int (*exit_ctx)(void *);
	int (*pre_run)(int);
	void (*pre_exit)(int);
	int (*collect)(void **, size_t *);
	int (*collect_ctx)(void *, void **, size_t *);
	int (*cleanup)(void *);
	int (*cleanup_ctx)(void *, void *);
	void (*pause)(void);
	void (*resume)(void);
	void (*unregister)(struct plugin_def *);
};

struct instance;

/* Where log_print goes; inst is WIRE_NO_INSTANCE on a thread that works for none. */
extern void (*plugin_log)(uint32_t inst, int level, const char *line, size_t len);

/* Both return 0, or -1 and the reason in err. */
int plugin_open(struct plugin *, const char *path, char *err, size_t size);
int plugin_register(struct plugin *, int hot_reload, char *err, size_t size);

/* instance_new takes props over: len bytes of key NUL value NUL each, and one NUL more behind them. */
struct instance *instance_new(struct plugin *, uint32_t id, int log_level, char *props, size_t len);
struct instance *instance_find(uint32_t id);
struct instance *instance_first(void);

/* instance_init calls Init. After a failure the instance must not be used any more: plugins are known to
 * free parts of it. asked receives the keys that Init looked up, each ended by NUL. */
int instance_init(struct instance *, char *asked, size_t size, size_t *len);
int instance_flush(struct instance *, const void *data, size_t len, char *tag);
int instance_collect(struct instance *, void **data, size_t *len);
void instance_cleanup(struct instance *, void *data);
int instance_pre_run(struct instance *, int hot_reload);
void instance_pre_exit(struct instance *, int hot_reload);
int instance_exit(struct instance *);

#endif
