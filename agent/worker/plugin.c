#define _GNU_SOURCE
#include "plugin.h"
#include "frame.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ASKED 512

struct instance {
	struct instance *next;
	struct plugin *plugin;
	uint32_t id;
	int log_level;
	char *props;
	size_t props_len;
	void *context; /* the block behind init_plugin.context */
	char *asked[MAX_ASKED];
	int asked_len;
};

/* What init_plugin.instance points to. It is a block of its own because plugins exist that free it, and
 * the context block, when their Init fails. */
struct handle {
	struct instance *instance;
	void *room[7];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* instances, asked */
static struct instance *instances;
static __thread struct instance *current; /* whom this thread works for */

void (*plugin_log)(uint32_t, int, const char *, size_t);

static void note_asked(struct instance *i, const char *key)
{
	pthread_mutex_lock(&lock);
	int n = 0;
	while (n < i->asked_len && strcasecmp(i->asked[n], key) != 0)
		n++;
	if (n == i->asked_len && n < MAX_ASKED && strlen(key) < 256 && (i->asked[n] = strdup(key)) != NULL)
		i->asked_len++;
	pthread_mutex_unlock(&lock);
}

static const char *get_property(const char *key, void *ins)
{
	if (key == NULL || ins == NULL)
		return NULL;
	struct instance *i = ((struct handle *)ins)->instance;
	note_asked(i, key);
	const char *found = NULL, *end = i->props + i->props_len;
	for (const char *p = i->props; p < end;) {
		const char *value = p + strlen(p) + 1;
		if (strcasecmp(p, key) == 0)
			found = value; /* of several the last one counts */
		p = value + strlen(value) + 1;
	}
	return found;
}

static void *no_metrics(void *ins)
{
	(void)ins;
	return NULL;
}

static int log_check(void *ins, int level)
{
	if (ins == NULL)
		return 1;
	return level <= ((struct handle *)ins)->instance->log_level;
}

static void log_print(int level, const char *file, int line, const char *fmt, ...)
{
	(void)file;
	(void)line;
	char small[2048], *text = small;
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(small, sizeof small, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof small && (text = malloc((size_t)n + 1)) != NULL) {
		va_start(args, fmt);
		vsnprintf(text, (size_t)n + 1, fmt, args);
		va_end(args);
	} else if ((size_t)n >= sizeof small) {
		text = small;
		n = sizeof small - 1;
	}
	struct instance *i = current;
	plugin_log(i != NULL ? i->id : WIRE_NO_INSTANCE, level, text, (size_t)n);
	if (text != small)
		free(text);
}


int plugin_open(struct plugin *p, const char *path, char *err, size_t size)
{
	p->file = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (p->file == NULL) {
		snprintf(err, size, "%s", dlerror());
		return -1;
	}
	p->serve = dlsym(p->file, WIRE_SERVE);
	return 0;
}

int plugin_register(struct plugin *p, int hot_reload, char *err, size_t size)
{
	void *h = p->file;
	int (*reg)(struct plugin_def *) = dlsym(h, "FLBPluginRegister");
	p->init = dlsym(h, "FLBPluginInit");
	if (reg == NULL || p->init == NULL) {
		snprintf(err, size, "it does not export %s", reg == NULL ? "FLBPluginRegister" : "FLBPluginInit");
		return -1;
	}
	int (*pre_register)(int) = dlsym(h, "FLBPluginPreRegister");
	if (pre_register != NULL && pre_register(hot_reload) == -1) {
		snprintf(err, size, "its FLBPluginPreRegister returned -1");
		return -1;
	}
	if (reg(&p->def) == -1) {
		snprintf(err, size, "its FLBPluginRegister returned -1");
		return -1;
	}
	int input = p->def.type == TYPE_INPUT;
	p->flush = dlsym(h, "FLBPluginFlush");
	p->flush_ctx = dlsym(h, "FLBPluginFlushCtx");
	p->exit = dlsym(h, "FLBPluginExit");
	p->exit_ctx = dlsym(h, "FLBPluginExitCtx");
	p->pre_run = dlsym(h, input ? "FLBPluginInputPreRun" : "FLBPluginOutputPreRun");
	p->pre_exit = dlsym(h, input ? "FLBPluginInputPreExit" : "FLBPluginOutputPreExit");
	p->collect = dlsym(h, "FLBPluginInputCallback");
	p->collect_ctx = dlsym(h, "FLBPluginInputCallbackCtx");
	p->cleanup = dlsym(h, "FLBPluginInputCleanupCallback");
	p->cleanup_ctx = dlsym(h, "FLBPluginInputCleanupCallbackCtx");
	p->pause = dlsym(h, "FLBPluginInputPause");
	p->resume = dlsym(h, "FLBPluginInputResume");
	p->unregister = dlsym(h, "FLBPluginUnregister");
	if (p->def.type == TYPE_OUTPUT && p->flush == NULL && p->flush_ctx == NULL) {
		snprintf(err, size, "it is an output and exports neither FLBPluginFlush nor FLBPluginFlushCtx");
		return -1;
	}
	if (input && p->collect == NULL && p->collect_ctx == NULL) {
		snprintf(err, size, "it is an input and does not export FLBPluginInputCallback");
		return -1;
	}
	p->api = (struct plugin_api){
		.output_get_property = get_property,
		.input_get_property = get_property,
		.custom_get_property = get_property,
		.output_get_cmt_instance = no_metrics,
		.input_get_cmt_instance = no_metrics,
		.log_print = log_print,
		.output_log_check = log_check,
		.input_log_check = log_check,
		.custom_log_check = log_check,
	};
	return 0;
}

struct instance *instance_new(struct plugin *p, uint32_t id, int log_level, char *props, size_t len)
{
	struct instance *i = calloc(1, sizeof *i);
	if (i == NULL)
		return NULL;
	i->plugin = p;
	i->id = id;
	i->log_level = log_level;
	i->props = props;
	i->props_len = len;
	return i;
}

static void link_instance(struct instance *i)
{
	pthread_mutex_lock(&lock);
	struct instance **end = &instances;
	while (*end != NULL)
		end = &(*end)->next;
	*end = i;
	pthread_mutex_unlock(&lock);
}

static void unlink_instance(struct instance *i)
{
	pthread_mutex_lock(&lock);
	for (struct instance **at = &instances; *at != NULL; at = &(*at)->next) {
		if (*at == i) {
			*at = i->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

struct instance *instance_find(uint32_t id)
{
	pthread_mutex_lock(&lock);
	struct instance *i = instances;
	while (i != NULL && i->id != id)
		i = i->next;
	pthread_mutex_unlock(&lock);
	return i;
}

struct instance *instance_first(void)
{
	pthread_mutex_lock(&lock);
	struct instance *i = instances;
	pthread_mutex_unlock(&lock);
	return i;
}

static size_t list_asked(struct instance *i, char *out, size_t size)
{
	size_t used = 0;
	pthread_mutex_lock(&lock);
	for (int k = 0; k < i->asked_len; k++) {
		size_t n = strlen(i->asked[k]) + 1;
		if (used + n > size)
			break;
		memcpy(out + used, i->asked[k], n);
		used += n;
	}
	pthread_mutex_unlock(&lock);
	return used;
}

int instance_init(struct instance *i, char *asked, size_t size, size_t *len)
{
	struct plugin *p = i->plugin;
	struct init_plugin *ip = calloc(1, sizeof *ip);
	struct handle *h = calloc(1, sizeof *h);
	void *context = calloc(1, 64); /* either context struct, with room to spare */
	*len = 0;
	if (ip == NULL || h == NULL || context == NULL)
		return 0;
	h->instance = i;
	i->context = context;
	ip->name = p->def.name;
	ip->api = &p->api;
	ip->instance = h;
	ip->context = context;
	current = i;
	int rc = p->init(ip);
	current = NULL;
	*len = list_asked(i, asked, size);
	if (rc > 0)
		link_instance(i);
	return rc; /* after a failure nothing is freed here: the plugin may have done it */
}

static void *remote(struct instance *i)
{
	if (i->plugin->def.type != TYPE_INPUT)
		return ((struct output_context *)i->context)->remote_context;
	void *ctx = ((struct input_context *)i->context)->remote_context;
	if (ctx == NULL) /* some SDKs use the output's layout for inputs as well */
		ctx = ((struct output_context *)i->context)->remote_context;
	return ctx;
}

int instance_flush(struct instance *i, const void *data, size_t len, char *tag)
{
	struct plugin *p = i->plugin;
	current = i;
	int rc = p->flush_ctx != NULL ? p->flush_ctx(remote(i), data, len, tag) : p->flush(data, len, tag);
	current = NULL;
	return rc;
}

int instance_collect(struct instance *i, void **data, size_t *len)
{
	struct plugin *p = i->plugin;
	*data = NULL;
	*len = 0;
	current = i;
	int rc = p->collect_ctx != NULL ? p->collect_ctx(remote(i), data, len) : p->collect(data, len);
	current = NULL;
	return rc;
}

void instance_cleanup(struct instance *i, void *data)
{
	struct plugin *p = i->plugin;
	current = i;
	if (p->cleanup_ctx != NULL)
		p->cleanup_ctx(remote(i), data);
	else if (p->cleanup != NULL)
		p->cleanup(data);
	else
		free(data);
	current = NULL;
}

int instance_pre_run(struct instance *i, int hot_reload)
{
	current = i;
	int rc = i->plugin->pre_run != NULL ? i->plugin->pre_run(hot_reload) : 0;
	current = NULL;
	return rc;
}

void instance_pre_exit(struct instance *i, int hot_reload)
{
	current = i;
	if (i->plugin->pre_exit != NULL)
		i->plugin->pre_exit(hot_reload);
	current = NULL;
}

/* The instance's memory stays: goroutines of the plugin may still look at it. */
int instance_exit(struct instance *i)
{
	struct plugin *p = i->plugin;
	current = i;
	int rc = 0;
	if (p->exit_ctx != NULL && p->def.type == TYPE_OUTPUT)
		rc = p->exit_ctx(remote(i));
	else if (p->exit != NULL)
		rc = p->exit();
	current = NULL;
	unlink_instance(i);
	return rc;
}
