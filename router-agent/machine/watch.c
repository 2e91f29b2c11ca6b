#include "router-agent/machine/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/lease.h"
#include "router-agent/machine/qmp.h"
#include "router-agent/probe_spec.h"
#include "router-agent/setting.h"

enum { FD_PARENT = 3, FD_QMP, FD_CONTROL, FD_STATE, FD_CONSOLE, FD_LOG };
#define PORTS 4 /* of the machine, from FD_QMP on */

#define LINE 256	     /* of the control port */
#define EVENTS 64	     /* told to the parent; the rest is dropped */
#define UNREAD_MAX (4 << 20) /* bytes that wait for the state port's reader */

struct watch {
	struct qmp_reader qmp;
	bool qmp_ready;
	uint32_t qmp_asked; /* 0: nothing outstanding */
	char line[LINE];
	size_t nline;
	uint32_t control_asked, probe_asked;
	char state[LEASE_LINE];
	size_t nstate;
	struct setting_reader setting;
	struct buf unsent; /* to the state port */
	bool heard, line_ended;
	int64_t log_size;
	unsigned events;
	bool closed[PORTS];
};

/* A parent that was stopped for an hour is waited for, and what it is to hear
 * waits in the machine; one that is gone has closed its end. */
static int
say(uint32_t type, const struct buf *fields, struct err *err)
{
	for (;;) {
		if (ipc_send(FD_PARENT, type, fields, NULL, 0, err) == 0)
			return 0;
		if (err->cls != ERR_BUSY)
			return -1;
		err_clear(err);
	}
}

static int
tell(uint32_t type, const char *text, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_str(&b, text);
	return say(type, &b, err);
}

static int
answer(uint32_t *asked, bool done, const char *text, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	uint32_t request = *asked;

	if (request == 0)
		return 0;
	*asked = 0;
	ipc_add_u32(&b, request);
	ipc_add_u32(&b, done);
	ipc_add_str(&b, text);
	return say(WATCH_ANSWER, &b, err);
}

/* Text of the other side may go into a log: printable, and short. */
static void
tame(const char *from, size_t n, char out[WATCH_TEXT])
{
	size_t i = 0;

	for (; i < n && i < WATCH_TEXT - 1; i++)
		out[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	out[i] = '\0';
}

static int
fault(struct watch *w, int which, const char *text, struct err *err)
{
	w->closed[which] = true;
	return tell(WATCH_FAULT, text, err);
}

static int
put(int fd, const char *text, size_t n)
{
	return send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n
		   ? 0
		   : -1;
}

/* --- from the parent ----------------------------------------------------- */

static int
ask_qmp(struct watch *w, uint32_t request, const char *name, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	qmp_command(&b, name);
	if (w->qmp_asked || !w->qmp_ready || put(FD_QMP, b.data, b.len) == -1) {
		uint32_t r = request;

		return answer(&r, false, "QEMU's monitor does not listen", err);
	}
	w->qmp_asked = request;
	return 0;
}

static int
ask_control(
    struct watch *w, uint32_t request, const char *line, struct err *err)
{
	if (w->control_asked || put(FD_CONTROL, line, strlen(line)) == -1) {
		uint32_t r = request;

		return answer(&r, false, "the control port is busy", err);
	}
	w->control_asked = request;
	return 0;
}

/* As much as the port takes; the rest when it takes more. */
static void
tell_state(struct watch *w)
{
	ssize_t n = send(FD_STATE, w->unsent.data, w->unsent.len,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n <= 0)
		return;
	w->unsent.len -= (size_t)n;
	memmove(w->unsent.data, w->unsent.data + n, w->unsent.len);
	if (w->unsent.len == 0)
		buf_release(&w->unsent);
}

static int
take_tell(struct watch *w, struct ipc_msg *m, struct err *err)
{
	struct span s;

	if (ipc_get_bytes(m, WATCH_TELL_MAX, &s, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	/* One who asks and never reads is told no more. */
	if (w->closed[FD_STATE - FD_QMP] || w->unsent.len + s.n > UNREAD_MAX)
		return 0;
	buf_add(&w->unsent, s.p, s.n);
	tell_state(w);
	return 0;
}

static int
take_probe(struct watch *w, struct ipc_msg *m, struct err *err)
{
	auto_free char *name = NULL, *line = NULL;
	uint32_t r = m->type;

	if (ipc_get_str(m, PROBE_PROGRAM_NAME, &name, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	line = mem_printf("probe %s\n", name);
	if (w->probe_asked || put(FD_CONTROL, line, strlen(line)) == -1)
		return answer(&r, false, "the control port is busy", err);
	w->probe_asked = r;
	return 0;
}

static int
from_parent(struct watch *w, bool *end, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int got = ipc_recv(FD_PARENT, 0, &m, err);
	int64_t seconds;
	char line[64];

	if (got <= 0) {
		*end = true;
		return got;
	}
	if (m.type == WATCH_TELL)
		return take_tell(w, &m, err);
	if (m.type == WATCH_PROBE)
		return take_probe(w, &m, err);
	if (m.type == WATCH_CLOCK) {
		if (ipc_get_i64(&m, &seconds, err) == -1 ||
		    ipc_end(&m, err) == -1)
			return -1;
		snprintf(
		    line, sizeof(line), "clock %lld\n", (long long)seconds);
		return ask_control(w, m.type, line, err);
	}
	if (ipc_end(&m, err) == -1)
		return -1;
	switch (m.type) {
	case WATCH_STOP:
		return ask_qmp(w, m.type, "stop", err);
	case WATCH_CONT:
		return ask_qmp(w, m.type, "cont", err);
	case WATCH_QUIT:
		return ask_qmp(w, m.type, "quit", err);
	case WATCH_POWEROFF:
		return ask_control(w, m.type, "poweroff\n", err);
	case WATCH_RESTART:
		return ask_control(w, m.type, "restart\n", err);
	case WATCH_FREEZE:
		return ask_control(w, m.type, "freeze\n", err);
	case WATCH_THAW:
		return ask_control(w, m.type, "thaw\n", err);
	default:
		return err_set(err, ERR_INPUT, "unknown request %u", m.type);
	}
}

/* --- from the machine ---------------------------------------------------- */

static int
one_qmp(struct watch *w, const struct qmp_message *m, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	char text[WATCH_TEXT];

	tame(m->text, strlen(m->text), text);
	switch (m->kind) {
	case QMP_GREETING:
		qmp_command(&b, "qmp_capabilities");
		if (put(FD_QMP, b.data, b.len) == -1)
			return fault(w, 0, "QEMU's monitor is stuck", err);
		return 0;
	case QMP_RETURN:
		if (!w->qmp_ready) {
			w->qmp_ready = true;
			return 0;
		}
		return answer(&w->qmp_asked, true, "", err);
	case QMP_ERROR:
		return answer(&w->qmp_asked, false, text, err);
	case QMP_EVENT:
		/* A machine has a handful in its life. */
		if (w->events++ >= EVENTS)
			return 0;
		return tell(WATCH_EVENT, text, err);
	}
	return 0;
}

static int
from_qmp(struct watch *w, struct span data, struct err *err)
{
	struct qmp_message m;
	struct err why = ERR_INIT;
	int got;

	while ((got = qmp_next(&w->qmp, &data, &m, &why)) == 1)
		if (one_qmp(w, &m, err) == -1)
			return -1;
	return got == -1 ? fault(w, 0, why.msg, err) : 0;
}

/* That to a probe comes when it has ended, between others. */
static int
one_answer(struct watch *w, const char *text, struct err *err)
{
	bool probe = strncmp(text, "probe ", 6) == 0;

	if (probe)
		text += 6;
	return answer(probe ? &w->probe_asked : &w->control_asked,
	    strcmp(text, "ok") == 0,
	    strncmp(text, "error ", 6) == 0 ? text + 6 : text, err);
}

static int
from_control(struct watch *w, struct span data, struct err *err)
{
	char text[WATCH_TEXT];

	for (; data.n > 0; data.p++, data.n--) {
		if (*data.p != '\n') {
			if (w->nline == LINE)
				return fault(w, 1,
				    "the control port sent an overlong line",
				    err);
			w->line[w->nline++] = *data.p;
			continue;
		}
		tame(w->line, w->nline, text);
		w->nline = 0;
		if (one_answer(w, text, err) == -1)
			return -1;
	}
	return 0;
}

static int
refused(struct watch *w, const struct err *why, struct err *err)
{
	return w->events++ < EVENTS ? tell(WATCH_FAULT, why->msg, err) : 0;
}

static int
one_setting(struct watch *w, const char *line, struct err *err)
{
	auto_setting struct setting_word word = SETTING_WORD_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err why = ERR_INIT;
	int got = setting_read(&w->setting, line, &word, &why);

	if (got != 1)
		return got == 0 ? 0 : refused(w, &why, err);
	setting_word_send(&word, &b);
	return say(WATCH_SETTING, &b, err);
}

static int
one_state(struct watch *w, const char *line, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	struct lease_word word;
	struct err why = ERR_INIT;

	if (setting_is(line))
		return one_setting(w, line, err);
	if (lease_read(line, &word, &why) == -1)
		return refused(w, &why, err);
	lease_word_send(&word, &b);
	return say(WATCH_STATE, &b, err);
}

static int
from_state(struct watch *w, struct span data, struct err *err)
{
	for (; data.n > 0; data.p++, data.n--) {
		if (*data.p != '\n' && *data.p != '\0') {
			if (w->nstate == LEASE_LINE - 1)
				return fault(w, FD_STATE - FD_QMP,
				    "the state port sent an overlong line",
				    err);
			w->state[w->nstate++] = *data.p;
			continue;
		}
		w->state[w->nstate] = '\0';
		w->nstate = 0;
		if (one_state(w, w->state, err) == -1)
			return -1;
	}
	return 0;
}

/* Over its limit, a log keeps its newer half. */
static int
log_add(struct watch *w, struct span data, struct err *err)
{
	static char half[WATCH_LOG_MAX / 2];

	if (w->log_size + (int64_t)data.n > WATCH_LOG_MAX) {
		ssize_t n = pread(FD_LOG, half, sizeof(half),
		    w->log_size - (int64_t)sizeof(half));

		if (n == -1 || ftruncate(FD_LOG, 0) == -1 ||
		    lseek(FD_LOG, 0, SEEK_SET) == -1 ||
		    fd_write_all(FD_LOG, half, (size_t)n, err) == -1)
			return err_sys(err, "shorten the console's log");
		w->log_size = n;
	}
	w->log_size += (int64_t)data.n;
	return fd_write_all(FD_LOG, data.p, data.n, err);
}

static int
from_console(struct watch *w, struct span data, struct err *err)
{
	struct err why = ERR_INIT;

	for (size_t i = 0; !w->heard && i < data.n; i++) {
		if (data.p[i] == '\n' || data.p[i] == '\r') {
			w->line_ended = true;
			continue;
		}
		if (!w->line_ended)
			continue;
		w->heard = true;
		if (say(WATCH_CONSOLE, NULL, err) == -1)
			return -1;
	}
	/* A full disk costs the log and not the machine. */
	(void)!log_add(w, data, &why);
	return 0;
}

static int
from_machine(struct watch *w, int which, struct err *err)
{
	static int (*const take[PORTS])(
	    struct watch *, struct span, struct err *) = { from_qmp,
		from_control, from_state, from_console };
	char bytes[4096];
	ssize_t n = read(FD_QMP + which, bytes, sizeof(bytes));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		w->closed[which] = true;
		return 0;
	}
	return take[which](w, (struct span){ bytes, (size_t)n }, err);
}

static int
loop(struct err *err)
{
	struct watch w = { .qmp = { BUF_INIT },
		.setting = SETTING_READER_INIT,
		.unsent = BUF_INIT };
	bool end = false, hears;

	while (!end) {
		struct pollfd p[PORTS + 1] = { { FD_PARENT, POLLOUT, 0 } };

		/* What a stopped parent has no room for waits in the state
		 * port; the console goes on, or its writers would stand. */
		hears = poll(p, 1, 0) != 0;
		p[0].events = hears ? POLLIN : POLLIN | POLLOUT;
		p[0].revents = 0;

		for (int i = 0; i < PORTS; i++)
			p[i + 1] =
			    (struct pollfd){ w.closed[i] ? -1 : FD_QMP + i,
				    POLLIN, 0 };
		if (!hears)
			p[FD_STATE - FD_QMP + 1].events = 0;
		if (w.unsent.len > 0)
			p[FD_STATE - FD_QMP + 1].events |= POLLOUT;
		if (poll(p, PORTS + 1, -1) == -1) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "wait for a machine");
		}
		if (p[FD_STATE - FD_QMP + 1].revents & POLLOUT)
			tell_state(&w);
		for (int i = 0; i < PORTS; i++)
			if (p[i + 1].revents & ~POLLOUT &&
			    from_machine(&w, i, err) == -1)
				return -1;
		if (p[0].revents & ~POLLOUT && from_parent(&w, &end, err) == -1)
			return -1;
	}
	qmp_reader_release(&w.qmp);
	buf_release(&w.setting.text);
	buf_release(&w.unsent);
	return 0;
}

int
watch_main(void)
{
	struct err err = ERR_INIT;

	if (drop_to(ROLE_VM, &err) == -1 ||
	    drop_syscalls(true, true, &err) == -1 || loop(&err) == -1) {
		log_err("watch", &err);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
