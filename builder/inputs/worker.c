#include "builder/inputs/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

/* What a server may use.  The pool of three suites and the table of their
 * sources take about 250 MB; linux-source is a file of 140 MB. */
#define MEMORY_MAX ((rlim_t)2 << 30)

int
worker_start(struct worker *w, struct err *err)
{
	/* libcurl's own names; nothing else passes. */
	static const char *const passed[] = { "http_proxy", "https_proxy",
		"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
		"NO_PROXY" };
	/* A worker may not trace, not even itself: no search for leaks. */
	const char *env[ARRAY_LEN(passed) + 5] = { "PATH=/usr/bin:/bin",
		"LC_ALL=C.UTF-8", "TZ=UTC", "ASAN_OPTIONS=detect_leaks=0" };
	char *made[ARRAY_LEN(passed)] = { 0 };
	const char *argv[] = { "kiln-builder", "-x", w->name, NULL };
	struct spawn sp = SPAWN_INIT;
	size_t n = 4;
	int sv[2], r;

	if (ipc_pair(sv, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (getenv(passed[i])) {
			made[i] =
			    mem_printf("%s=%s", passed[i], getenv(passed[i]));
			env[n++] = made[i];
		}
	sp.argv = argv;
	sp.env = env;
	sp.exec_self = true;
	sp.die_with_parent = true;
	sp.fds[0] = sv[1];
	sp.nfds = 1;
	r = spawn_start(&sp, &w->child, err);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		free(made[i]);
	close(sv[1]);
	if (r == -1) {
		close(sv[0]);
		return err_prefix(err, "start the %s worker", w->name);
	}
	w->sock = sv[0];
	return 0;
}

int
workers_start(struct workers *ws, struct err *err)
{
	*ws = (struct workers)WORKERS_INIT;
	if (worker_start(&ws->fetch, err) == -1 ||
	    worker_start(&ws->index, err) == -1 ||
	    worker_start(&ws->git, err) == -1) {
		workers_stop(ws);
		return -1;
	}
	return 0;
}

void
worker_stop(struct worker *w)
{
	struct spawn_end end;
	struct err err = ERR_INIT;

	if (w->sock != -1)
		close(w->sock);
	w->sock = -1;
	if (w->child.pid == 0)
		return;
	/* The closed socket ends both of its processes; the signal, which a
	 * dropped builder may not send any more, hurries a download. */
	spawn_signal(&w->child, SIGTERM);
	if (spawn_wait(&w->child, 5000, &end, &err) == -1)
		log_err("worker-stop", &err);
}

void
workers_stop(struct workers *ws)
{
	worker_stop(&ws->fetch);
	worker_stop(&ws->index);
	worker_stop(&ws->git);
}

void
worker_begin(struct worker *w, struct buf *fields)
{
	if (++w->last == 0)
		w->last = 1; /* 0 is the keeper's */
	buf_clear(fields);
	ipc_add_u32(fields, w->last);
}

int
worker_send(struct worker *w, uint32_t type, const struct buf *fields,
    const int *fds, size_t nfds, struct err *err)
{
	if (ipc_send(w->sock, type, fields, fds, nfds, err) == -1)
		return err_prefix(err, "%s worker", w->name);
	return 0;
}

int
worker_error(struct worker *w, struct ipc_msg *m, struct err *err)
{
	uint32_t cls, sys;
	auto_free char *text = NULL;

	if (ipc_get_u32(m, &cls, err) == -1 ||
	    ipc_get_u32(m, &sys, err) == -1 ||
	    ipc_get_str(m, sizeof(err->msg), &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return err_prefix(err, "%s worker", w->name);
	if (cls < ERR_SYSTEM || cls > ERR_BUSY)
		cls = ERR_INPUT;
	err_set(err, (enum err_class)cls, "%s", text);
	err->sys = (int)sys;
	return -1;
}

int
worker_recv(
    struct worker *w, int timeout_ms, struct ipc_msg *m, struct err *err)
{
	for (;;) {
		uint32_t id;
		int r;

		ipc_release(m);
		r = ipc_recv(w->sock, timeout_ms, m, err);
		if (r == 0)
			return err_set(err, ERR_SYSTEM,
			    "the %s worker is gone: restart the builder",
			    w->name);
		if (r == -1 || ipc_get_u32(m, &id, err) == -1)
			return err_prefix(err, "%s worker", w->name);
		if (id != w->last && id != 0)
			continue; /* of a request we gave up */
		if (m->type == WORKER_ERROR)
			return worker_error(w, m, err);
		if (id != 0)
			return 0;
	}
}

void
worker_fail(uint32_t id, const struct err *e)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	ipc_add_u32(&b, id);
	ipc_add_u32(&b, e->cls);
	ipc_add_u32(&b, (uint32_t)e->sys);
	ipc_add_str(&b, e->msg);
	if (ipc_send(WORKER_SOCK, WORKER_ERROR, &b, NULL, 0, &err) == -1)
		exit(EXIT_FAILED); /* nobody is left to tell */
}

static int
serve(const struct worker_duty *duty)
{
#ifndef KILN_ASAN /* its shadow is 16 TiB of address space */
	struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };

	if (setrlimit(RLIMIT_AS, &memory) == -1)
		return EXIT_FAILED;
#endif
	/* Setting uids has cleared the keeper's; this one stays. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	return duty->serve(WORKER_SOCK);
}

static pid_t server;

static void
on_term(int sig)
{
	/* Gone when we are, and what it took is counted as ours. */
	if (server > 0 && kill(server, SIGKILL) == 0)
		waitpid(server, NULL, 0);
	_exit(128 + sig);
}

static int
keep(const struct worker_duty *duty)
{
	for (;;) {
		int64_t began = time_mono_ms();
		struct err err = ERR_INIT;
		int status;

		server = fork();
		if (server == -1)
			return EXIT_FAILED;
		if (server == 0)
			exit(serve(duty));
		signal(SIGTERM, on_term);
		while (waitpid(server, &status, 0) == -1)
			if (errno != EINTR)
				return EXIT_FAILED;
		server = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			return 0;
		if (WIFSIGNALED(status))
			err_set(&err, ERR_SYSTEM,
			    "the %s worker ended by signal %d (%s)", duty->name,
			    WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			err_set(&err, ERR_SYSTEM,
			    "the %s worker ended with exit %d", duty->name,
			    WEXITSTATUS(status));
		log_err("worker", &err);
		worker_fail(0, &err);
		if (time_mono_ms() - began < 1000)
			sleep(1);
	}
}

int
worker_run(const struct worker_duty *duty)
{
	struct err err = ERR_INIT;

	log_open(role_name(duty->role), false);
	signal(SIGPIPE, SIG_IGN);
	if (drop_to(duty->role, &err) == -1 ||
	    drop_syscalls(!duty->network, true, &err) == -1) {
		log_err("worker", &err);
		return EXIT_FAILED;
	}
	return keep(duty);
}
