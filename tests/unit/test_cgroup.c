/*
 * Groups of both versions by the layout of their folders, in folders of our
 * own; and the machine's, where we may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/cgroup.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/sandbox.h"
#include "tests/support/scratch.h"

static struct err err;
static struct cgroups groups;

static void
folder(const char *path)
{
	auto_fd int fd = dir_make_at(scratch.fd, path, 0755, &err);

	assert_int_not_equal(fd, -1);
}

static void
text(const char *path, const char *content)
{
	assert_int_equal(file_write_at(scratch.fd, path, content,
			     strlen(content), 0644, &err),
	    0);
}

static void
is(const char *path, const char *want)
{
	auto_buf struct buf b = BUF_INIT;
	const char *at = strstr(path, "PID");
	auto_free char *full = at ? mem_printf("%.*s%d%s", (int)(at - path),
					path, (int)getpid(), at + 3)
				  : mem_str(path);

	if (file_read_at(scratch.fd, full, 4096, &b, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(b.data, want);
}

static void
a_machine(const char *mounts, const char *own)
{
	folder("proc/self");
	text("proc/self/mountinfo", mounts);
	text("proc/self/cgroup", own);
	cgroups_open(&groups, scratch.path, 0, 0);
}

static void
version_1_has_a_folder_in_each_hierarchy(void **state)
{
	struct cgroup c;
	struct cgroup_usage u;

	(void)state;
	folder("cg/memory/mine");
	folder("cg/pids");
	folder("cg/cpu,cpuacct");
	/* The memory hierarchy is shown from /out on, as in a container. */
	a_machine("20 1 0:1 / /proc rw - proc proc rw\n"
		  "30 1 0:2 /out /cg/memory rw shared:3 - cgroup cgroup"
		  " rw,memory\n"
		  "31 1 0:3 / /cg/pids rw - cgroup cgroup rw,pids\n"
		  "32 1 0:4 / /cg/cpu,cpuacct rw shared:1 master:2 - cgroup"
		  " cgroup rw,cpu,cpuacct\n",
	    "4:cpu,cpuacct:/\n3:pids:/\n2:memory:/out/mine\n0::/\n");
	assert_string_equal(groups.text, "cgroup v1: memory pids cpu");
	assert_int_equal(cgroup_enter(&c, &groups, "run-7", 4242,
			     &(struct cgroup_limits){ 1 << 20, 99 }, &err),
	    0);
	is("cg/memory/mine/kiln-PID/run-7/memory.limit_in_bytes", "1048576");
	is("cg/memory/mine/kiln-PID/run-7/cgroup.procs", "4242");
	is("cg/pids/kiln-PID/run-7/pids.max", "99");
	is("cg/pids/kiln-PID/run-7/cgroup.procs", "4242");
	is("cg/cpu,cpuacct/kiln-PID/run-7/cpu.shares", "512");
	auto_free char *usage = mem_printf(
	    "cg/cpu,cpuacct/kiln-%d/run-7/cpuacct.usage", (int)getpid());
	auto_free char *oom = mem_printf(
	    "cg/memory/mine/kiln-%d/run-7/memory.oom_control", (int)getpid());
	auto_free char *pids =
	    mem_printf("cg/pids/kiln-%d/run-7/pids.events", (int)getpid());
	text(pids, "max 3\n");
	text(usage, "1234567890\n");
	text(oom, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	cgroup_read(&c, &u);
	assert_int_equal(u.cpu_ms, 1234);
	assert_int_equal(u.peak_kib, -1);
	assert_true(u.out_of_memory);
	assert_true(u.out_of_pids);
	text(pids, "max 0\n");
	text(oom, "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
	cgroup_read(&c, &u);
	assert_false(u.out_of_memory);
	assert_false(u.out_of_pids);
	cgroup_leave(&c);
	cgroups_close(&groups);
}

static void
version_2_is_shared_out_from_a_leaf(void **state)
{
	struct cgroup c;
	struct cgroup_usage u;
	char pid[24];

	(void)state;
	folder("cg/kiln.service");
	a_machine("30 1 0:2 / /cg rw shared:3 - cgroup2 cgroup2 rw\n",
	    "0::/kiln.service\n");
	assert_string_equal(groups.text, "cgroup v2: memory pids cpu");
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	is("cg/kiln.service/kiln-PID/main/cgroup.procs", pid);
	is("cg/kiln.service/cgroup.subtree_control", "+cpu");
	assert_int_equal(cgroup_enter(&c, &groups, "run-7", 4242,
			     &(struct cgroup_limits){ 1 << 20, 99 }, &err),
	    0);
	is("cg/kiln.service/kiln-PID/run-7/memory.max", "1048576");
	is("cg/kiln.service/kiln-PID/run-7/memory.swap.max", "0");
	is("cg/kiln.service/kiln-PID/run-7/pids.max", "99");
	is("cg/kiln.service/kiln-PID/run-7/cpu.weight", "50");
	is("cg/kiln.service/kiln-PID/run-7/cgroup.procs", "4242");
	auto_free char *stat =
	    mem_printf("cg/kiln.service/kiln-%d/run-7/cpu.stat", (int)getpid());
	auto_free char *events = mem_printf(
	    "cg/kiln.service/kiln-%d/run-7/memory.events", (int)getpid());
	text(stat, "usage_usec 4321000\nuser_usec 1\n");
	text(events, "low 0\noom 1\noom_kill 1\noom_group_kill 0\n");
	cgroup_read(&c, &u);
	assert_int_equal(u.cpu_ms, 4321);
	assert_true(u.out_of_memory);
	cgroup_leave(&c);
	is("cg/kiln.service/kiln-PID/run-7/cgroup.kill", "1");
	cgroups_close(&groups);
}

static void
groups_of_the_dead_go_with_those_of_their_builds(void **state)
{
	pid_t dead = fork();
	auto_free char *gone = NULL, *there = NULL;

	(void)state;
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	gone = mem_printf("cg/pids/kiln-%d", (int)dead);
	there = mem_printf("cg/pids/kiln-%d/run-1", (int)getppid());
	auto_free char *build = mem_printf("%s/run-1", gone);
	auto_free char *leaf = mem_printf("%s/main", gone);

	folder(build);
	folder(leaf);
	folder(there);
	a_machine("20 1 0:1 / /proc rw - proc proc rw\n"
		  "31 1 0:3 / /cg/pids rw - cgroup cgroup rw,pids\n",
	    "3:pids:/\n0::/\n");
	assert_false(file_exists_at(scratch.fd, gone));
	assert_true(file_exists_at(scratch.fd, there));
	cgroups_close(&groups);
}

static void
without_any_it_says_so_and_builds_go_on(void **state)
{
	struct cgroup c;
	struct cgroup_usage u;

	(void)state;
	a_machine("20 1 0:1 / /proc rw - proc proc rw\n", "0::/\n");
	assert_non_null(strstr(groups.text, "no cgroup"));
	assert_int_equal(cgroup_enter(&c, &groups, "run-7", 4242,
			     &(struct cgroup_limits){ 1, 1 }, &err),
	    0);
	cgroup_read(&c, &u);
	assert_int_equal(u.cpu_ms, -1);
	cgroup_leave(&c);
	cgroups_close(&groups);
	assert_int_equal(cgroup_enter(&c, NULL, "run-7", 4242,
			     &(struct cgroup_limits){ 1, 1 }, &err),
	    0);
	cgroup_leave(&c);
}

/* --- the machine's own --------------------------------------------------- */

static struct cgroup_usage usage;
static struct spawn_end end;

static void
jail(const char *script, int64_t memory, int processes)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	struct sandbox_jail j = SANDBOX_JAIL_INIT;
	struct child child = CHILD_INIT;
	auto_fd int out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sandbox sb = { .root = "/",
		.env = env,
		.argv = argv,
		.cwd = "/",
		.hostname = "x",
		.uid = 1000,
		.gid = 1000,
		.out = out,
		.cgroups = &groups,
		.total = { memory, processes },
		.name = "test",
		.jail = &j };
	bool ran;

	if (sandbox_start(&sb, &child, &err) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(spawn_wait(&child, 60000, &end, &err), 0);
	assert_int_equal(sandbox_end(&j, &ran, &err), 0);
	assert_true(ran);
	usage = j.usage;
}

static void
the_machines_groups_hold_for_all_processes_together(void **state)
{
	(void)state;
	cgroups_open(&groups, "", 0, 0);
	if (!strstr(groups.text, "memory pids")) {
		cgroups_close(&groups);
		skip();
	}
	jail("i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done", 0, 0);
	assert_int_equal(end.code, 0);
	assert_true(usage.cpu_ms > 0);
	assert_false(usage.out_of_memory);
	jail("head -c 200M /dev/zero | tail -c 190M >/dev/null",
	    (int64_t)64 << 20, 0);
	assert_int_not_equal(end.code, 0);
	assert_true(usage.out_of_memory);
	/* Each a sleep: the fifth cannot be had. */
	jail("for i in 1 2 3 4 5 6 7 8; do sleep 5 & done", 0, 6);
	assert_int_not_equal(end.code, 0);
	cgroups_close(&groups);
}

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		T(version_1_has_a_folder_in_each_hierarchy),
		T(version_2_is_shared_out_from_a_leaf),
		T(groups_of_the_dead_go_with_those_of_their_builds),
		T(without_any_it_says_so_and_builds_go_on),
		T(the_machines_groups_hold_for_all_processes_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
