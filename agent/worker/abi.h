/* Fluent Bit's C interface for Go plugins, as laid out by Fluent Bit 5.1 on LP64. */
#ifndef ABI_H
#define ABI_H

#include <stddef.h>
#include <stdint.h>

enum { TYPE_INPUT = 1, TYPE_OUTPUT = 2, TYPE_CUSTOM = 3 };

struct config_entry { /* ends with an entry without a name */
	int type;
	char *name, *def_value;
	int flags, set_property;
	uintptr_t offset;
	char *desc;
	void *value[5], *list[2]; /* the host's */
};

struct plugin_def {
	int type, proxy, flags;
	char *name, *description;
	int event_type;
	struct config_entry *config_map;
};

struct plugin_api {
	const char *(*output_get_property)(const char *key, void *ins);
	const char *(*input_get_property)(const char *key, void *ins);
	void *(*output_get_cmt_instance)(void *ins);
	void *(*input_get_cmt_instance)(void *ins);
	void (*log_print)(int level, const char *file, int line, const char *fmt, ...);
	int (*input_log_check)(void *ins, int level);
	int (*output_log_check)(void *ins, int level);
	const char *(*custom_get_property)(const char *key, void *ins);
	int (*custom_log_check)(void *ins, int level);
};

struct output_context {
	void *remote_context, *proxy;
};

struct input_context {
	int coll_fd;
	void *remote_context, *proxy;
};

struct init_plugin { /* what FLBPluginInit receives */
	char *name;
	struct plugin_api *api;
	void *instance, *context;
	void *callbacks[8];
};

#endif
