/* The worker process: a loop in plain C, entered before the agent's own Go runtime starts, so that the
 * plugin's Go runtime is the only one in the process. */
#define _GNU_SOURCE
#include "frame.h"
#include "plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct packet { /* a frame in both directions, with the descriptors that came along */
	struct frame head;
	char payload[WIRE_MAX_PAYLOAD + 1]; /* always NUL-terminated */
	int fds[2], fds_len;
};

struct lane {
	int sock;
	char *region;
	size_t size;
	void *held; /* data of held_inst that did not fit the region */
	size_t held_len;
	struct instance *held_inst;
	struct packet packet;
};

static struct plugin plugin;

static void take_fds(struct packet *p, struct msghdr *m)
{
	p->fds_len = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(p->fds, CMSG_DATA(c), sizeof(int) * (size_t)n);
		p->fds_len = n;
	}
}

/* 1 for a packet, 0 when the agent is gone or sends nonsense. */
static int receive(int sock, struct packet *p)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec v[2] = {{&p->head, sizeof p->head}, {p->payload, WIRE_MAX_PAYLOAD}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t n;
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof p->head || p->head.paylen != (size_t)n - sizeof p->head)
		return 0;
	take_fds(p, &m);
	p->payload[p->head.paylen] = 0;
	return 1;
}

static void reply(int sock, struct packet *p)
{
	struct iovec v[2] = {{&p->head, sizeof p->head}, {p->payload, p->head.paylen}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	while (sendmsg(sock, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void send_log(uint32_t inst, int level, const char *line, size_t len)
{
	if (len > WIRE_MAX_PAYLOAD)
		len = WIRE_MAX_PAYLOAD;
	struct frame f = {.op = OP_LOG, .inst = inst, .rc = level, .paylen = (uint32_t)len};
	struct iovec v[2] = {{&f, sizeof f}, {(void *)line, len}};
	struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
	while (sendmsg(CONTROL_FD, &m, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static int take_region(struct lane *l, int fd, uint64_t size)
{
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (m == MAP_FAILED)
		return -1;
	if (l->region != NULL)
		munmap(l->region, l->size);
	l->region = m;
	l->size = size;
	return 0;
}

/* hand_over puts the data into the region, or says that it does not fit and keeps it. */
static void hand_over(struct lane *l, struct instance *i, void *data, size_t len)
{
	struct frame *f = &l->packet.head;
	f->len = len;
	f->flags = 0;
	if (len > l->size) {
		l->held = data;
		l->held_len = len;
		l->held_inst = i;
		f->flags = WIRE_HELD;
		return;
	}
	if (len > 0)
		memcpy(l->region, data, len);
	if (data != NULL)
		instance_cleanup(i, data);
}

static void collect(struct lane *l, struct instance *i)
{
	void *data;
	size_t len;
	l->packet.head.rc = instance_collect(i, &data, &len);
	if (data == NULL)
		len = 0;
	hand_over(l, i, data, len);
}

static void fetch(struct lane *l)
{
	void *data = l->held;
	l->held = NULL;
	l->packet.head.rc = 1;
	hand_over(l, l->held_inst, data, data != NULL ? l->held_len : 0);
}

static void serve_lane_request(struct lane *l)
{
	struct packet *p = &l->packet;
	struct instance *i = instance_find(p->head.inst);
	uint64_t len = p->head.len;
	p->head.len = 0;
	p->head.off = 0;
	p->head.flags = 0;
	p->head.rc = 0;
	switch (p->head.op) {
	case OP_FLUSH:
		if (i != NULL && len <= l->size)
			p->head.rc = instance_flush(i, l->region, len, p->payload);
		break;
	case OP_COLLECT:
		if (i != NULL)
			collect(l, i);
		break;
	case OP_FETCH:
		fetch(l);
		break;
	case OP_REGION:
		p->head.rc = p->fds_len == 1 ? take_region(l, p->fds[0], len) : -1;
		break;
	}
	p->head.paylen = 0;
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	while (receive(l->sock, &l->packet)) {
		serve_lane_request(l);
		reply(l->sock, &l->packet);
	}
	close(l->sock);
	munmap(l->region, l->size);
	free(l);
	return NULL;
}

static int add_lane(struct packet *p)
{
	struct lane *l = calloc(1, sizeof *l);
	if (l == NULL || p->fds_len != 2 || take_region(l, p->fds[1], p->head.len) != 0)
		return -1;
	l->sock = p->fds[0];
	pthread_t t;
	if (pthread_create(&t, NULL, lane_main, l) != 0)
		return -1;
	pthread_detach(t);
	return 0;
}

static size_t put_text(char *out, size_t used, size_t size, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;
	if (used + n + 1 > size)
		return used;
	memcpy(out + used, s != NULL ? s : "", n);
	out[used + n] = 0;
	return used + n + 1;
}

static void load(struct packet *p)
{
	struct frame *f = &p->head;
	char err[4096] = "", *out = p->payload;
	size_t n = 0;
	if (f->off != WIRE_VERSION) {
		snprintf(err, sizeof err, "the agent speaks protocol %llu, its worker %d", (unsigned long long)f->off, WIRE_VERSION);
		f->rc = -1;
	} else {
		f->rc = plugin_open(&plugin, p->payload, err, sizeof err);
		if (f->rc == 0 && plugin.serve != NULL)
			plugin.serve(CONTROL_FD, WIRE_VERSION, f->seq); /* returns only when it cannot */
		if (f->rc == 0)
			f->rc = plugin_register(&plugin, (int)f->flags, err, sizeof err);
	}
	f->off = WIRE_VERSION;
	if (f->rc != 0) {
		n = put_text(out, 0, WIRE_MAX_PAYLOAD, err);
	} else {
		f->inst = (uint32_t)plugin.def.type;
		f->flags = (uint32_t)plugin.def.event_type;
		n = put_text(out, n, WIRE_MAX_PAYLOAD, plugin.def.name);
		n = put_text(out, n, WIRE_MAX_PAYLOAD, plugin.def.description);
		for (struct config_entry *e = plugin.def.config_map; e != NULL && e->name != NULL; e++)
			n = put_text(out, n, WIRE_MAX_PAYLOAD, e->name);
	}
	f->len = n;
	f->paylen = (uint32_t)n;
}

static char *read_props(int fd, size_t len)
{
	char *b = calloc(1, len + 2); /* the last value ends even if the agent forgot */
	for (size_t at = 0; b != NULL && at < len;) {
		ssize_t n = pread(fd, b + at, len - at, (off_t)at);
		if (n <= 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return b;
}

static void init(struct packet *p)
{
	struct frame *f = &p->head;
	size_t n = 0;
	f->rc = 0;
	char *props = p->fds_len == 1 ? read_props(p->fds[0], f->len) : NULL;
	struct instance *i = props != NULL ? instance_new(&plugin, f->inst, (int)f->flags, props, f->len) : NULL;
	if (i != NULL)
		f->rc = instance_init(i, p->payload, WIRE_MAX_PAYLOAD, &n);
	if (f->rc <= 0) { /* lets the agent know that it has read all that Init printed */
		char mark[32];
		int len = snprintf(mark, sizeof mark, "%csync %u\n", 0, f->seq);
		if (write(STDERR_FILENO, mark, (size_t)len) < 0)
			f->rc = 0;
	}
	f->paylen = (uint32_t)n;
	f->flags = 0;
	f->len = 0;
}

static void exit_instances(void)
{
	for (struct instance *i; (i = instance_first()) != NULL;)
		instance_exit(i);
}

static void serve_control_request(struct packet *p)
{
	struct frame *f = &p->head;
	struct instance *i = instance_find(f->inst);
	int hot_reload = (int)f->flags;
	if (f->op == OP_LOAD || f->op == OP_INIT) {
		f->op == OP_LOAD ? load(p) : init(p);
		return;
	}
	f->rc = 0;
	switch (f->op) {
	case OP_LANE:
		f->rc = add_lane(p);
		break;
	case OP_PRERUN:
		f->rc = i != NULL ? instance_pre_run(i, hot_reload) : -1;
		break;
	case OP_PAUSE:
		if (plugin.pause != NULL)
			plugin.pause();
		break;
	case OP_RESUME:
		if (plugin.resume != NULL)
			plugin.resume();
		break;
	case OP_PREEXIT:
		if (i != NULL)
			instance_pre_exit(i, hot_reload);
		break;
	case OP_EXIT:
		f->rc = i != NULL ? instance_exit(i) : -1;
		break;
	case OP_UNREGISTER:
		if (plugin.unregister != NULL)
			plugin.unregister(&plugin.def);
		break;
	}
	f->paylen = 0;
	f->flags = 0;
	f->len = 0;
}

/* watch ends the process when the agent has gone, whatever the other threads do: those that are not stuck
 * get a second to call Exit. */
static void *watch(void *arg)
{
	(void)arg;
	struct pollfd p = {.fd = CONTROL_FD, .events = POLLRDHUP};
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	sleep(1);
	_exit(0);
}

static void ignore(int sig)
{
	(void)sig;
}

/* shrug_off ignores a signal in this process only: children of the plugin start with the default. */
static void shrug_off(int sig)
{
	struct sigaction a = {.sa_handler = ignore, .sa_flags = SA_RESTART | SA_ONSTACK}; /* Go's stacks are small */
	sigaction(sig, &a, NULL);
}

static void serve(void)
{
	unsetenv(WIRE_ENV); /* children of the plugin are no workers */
	fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "flb-go-worker");
	/* Stopping is the agent's business; a terminal's ^C reaches the whole session. */
	shrug_off(SIGINT);
	shrug_off(SIGTERM);
	shrug_off(SIGHUP);
	shrug_off(SIGPIPE);
	plugin_log = send_log;
	pthread_t t;
	struct packet *p = malloc(sizeof *p);
	if (p == NULL || pthread_create(&t, NULL, watch, NULL) != 0)
		_exit(111);
	while (receive(CONTROL_FD, p)) {
		serve_control_request(p);
		reply(CONTROL_FD, p);
	}
	exit_instances();
	_exit(0);
}

__attribute__((constructor)) static void become_worker(void)
{
	if (getenv(WIRE_ENV) != NULL)
		serve();
}
