/*
 * A supervisor of the agent's program, and slots for it in a folder of the
 * test's own.  Agents are scripts that say when they were started.  For cmocka
 * tests that link router-agent/slots.c and router-agent/supervise.c.
 */
#ifndef KILN_TEST_SUPERVISED_H
#define KILN_TEST_SUPERVISED_H

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/slots.h"
#include "router-agent/supervise.h"
#include "tests/support/scratch.h"

#define PATIENCE_MS 60000
#define HEALTHY "printf h >&3; exec sleep 1000"

static int dir; /* self/ */

static int
setup(void **state)
{
	struct err err = ERR_INIT;

	if (scratch_setup(state) == -1)
		return -1;
	dir = dir_make_at(scratch.fd, SLOTS_DIR, 0755, &err);
	return dir == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	close(dir);
	return scratch_teardown(state);
}

/* A script as the agent: says that it was started, then what it does. */
static char *
script(const char *name, const char *does)
{
	return mem_printf(
	    "#!/bin/sh\necho >>'%s/%s.starts'\n%s\n", scratch.path, name, does);
}

static size_t
starts(const char *name)
{
	auto_free char *file = mem_printf("%s.starts", name);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (file_read_at(scratch.fd, file, 65536, &text, &err) == -1)
		return 0;
	return text.len;
}

static int
image(const char *agent, const char *fetch, struct hash *h)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = strlen(agent);
	int fd;

	buf_str(&b, "kilnagt1");
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_char(&b, (char)(n >> shift & 0xff));
	buf_str(&b, agent);
	buf_str(&b, fetch);
	hash_bytes(h, b.data, b.len);
	assert_int_equal(
	    file_write_at(scratch.fd, "image", b.data, b.len, 0600, &err), 0);
	fd = file_open_at(scratch.fd, "image", O_RDONLY, 0, &err);
	assert_int_not_equal(fd, -1);
	return fd;
}

static void
on_trial(const char *name, const char *does, struct hash *h)
{
	auto_free char *text = script(name, does);
	auto_fd int fd = image(text, "#!/bin/sh\n", h);
	struct err err = ERR_INIT;
	struct slots s;

	assert_int_equal(slots_load(dir, &s, &err), 0);
	if (slots_install(dir, fd, h, &s, &err) == -1)
		fail_msg("%s", err.msg);
}

static pid_t
start(const char *installed, int64_t deadline_ms)
{
	struct err why = ERR_INIT;
	pid_t pid;

	assert_int_equal(file_write_at(scratch.fd, "installed", installed,
			     strlen(installed), 0755, &why),
	    0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		auto_free char *program =
		    mem_printf("%s/installed", scratch.path);
		const struct supervise s = {
			.state = scratch.path,
			.config = "none",
			.installed = program,
			.deadline_ms = deadline_ms,
			.pause_ms = 1,
		};
		struct err err = ERR_INIT;
		int ret;

		close(2);
		ret = supervise(&s, &err);
		_exit(ret == 0 ? 0 : 1);
	}
	return pid;
}

static void
stop(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
until(bool (*there)(const struct slots *, const struct hash *),
    const struct hash *h, struct slots *s)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t end = time_mono_ms() + PATIENCE_MS;
	struct err err = ERR_INIT;

	do {
		assert_int_equal(slots_load(dir, s, &err), 0);
		if (there(s, h))
			return;
		nanosleep(&nap, NULL);
	} while (time_mono_ms() < end);
	fail_msg("it did not come about");
}

static void
until_starts(const char *name, size_t n)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t end = time_mono_ms() + PATIENCE_MS;

	while (starts(name) < n && time_mono_ms() < end)
		nanosleep(&nap, NULL);
	assert_int_equal(starts(name), n);
}

static bool
is_bad_and_installed_runs(const struct slots *s, const struct hash *h)
{
	return slots_is_bad(s, h) && starts("installed") > 0;
}

static bool
installed_runs(const struct slots *s, const struct hash *h)
{
	(void)s;
	(void)h;
	return starts("installed") > 0;
}

/* The trial is over, and was good. */
static void
settle(void)
{
	struct err err = ERR_INIT;
	struct slots s;

	assert_int_equal(slots_load(dir, &s, &err), 0);
	slots_settle(&s, true);
	assert_int_equal(slots_save(dir, &s, &err), 0);
}

static void
run_until(const char *installed, int64_t deadline_ms,
    bool (*there)(const struct slots *, const struct hash *),
    const struct hash *h, struct slots *s)
{
	pid_t pid = start(installed, deadline_ms);

	until(there, h, s);
	stop(pid);
}

#endif
