/* Children: what they get, how they end, and that none is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define SH(script)                            \
	(const char *const[])                 \
	{                                     \
		"/bin/sh", "-c", script, NULL \
	}

static int
run(const struct spawn *s, int64_t deadline, struct buf *out, struct buf *errs,
    struct err *err)
{
	return spawn_capture(s, deadline, 1 << 20, out, errs, err);
}

/* Does any process still have this word in its arguments? */
static bool
anybody_with(const char *word)
{
	bool found = false;
	auto_dir DIR *d = opendir("/proc");
	const struct dirent *e;

	assert_non_null(d);
	while (!found && (e = readdir(d))) {
		char path[300], text[4096];
		ssize_t n;
		int fd;

		if (!isdigit((unsigned char)e->d_name[0]) ||
		    atoi(e->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (n > 0)
			found =
			    memmem(text, (size_t)n, word, strlen(word)) != NULL;
	}
	return found;
}

static bool
soon_nobody_with(const char *word)
{
	for (int i = 0; i < 200; i++) {
		if (!anybody_with(word))
			return true;
		usleep(10000);
	}
	return false;
}

static void
output_is_collected_and_exit_zero_is_success(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, errs = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = SH("printf hello; printf there >&2");
	assert_int_equal(run(&s, 10000, &out, &errs, &err), 0);
	assert_string_equal(out.data, "hello");
	assert_string_equal(errs.data, "there");
}

static void
a_failure_tells_program_exit_and_last_line(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = SH("echo first >&2; echo 'no such \033thing' >&2; exit 3");
	assert_int_equal(run(&s, 10000, NULL, NULL, &err), -1);
	assert_string_equal(err.msg, "/bin/sh: exit 3: no such ?thing");
	assert_int_equal(err.cls, ERR_SYSTEM);
}

static void
a_signal_is_told_apart_from_an_exit(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	s.argv = SH("kill -SEGV $$");
	assert_int_equal(spawn_start(&s, &c, &err), 0);
	assert_int_equal(spawn_wait(&c, 10000, &end, &err), 0);
	assert_int_equal(end.signal, SIGSEGV);
	assert_int_equal(end.code, -1);
	assert_false(end.timed_out);
	assert_int_equal(c.pid, 0);
	spawn_end_text(&end, &text);
	assert_string_equal(text.data, "signal 11 (Segmentation fault)");
}

static void
a_missing_program_is_named(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = (const char *const[]){ "kiln-no-such-program", NULL };
	assert_int_equal(spawn_start(&s, &c, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_non_null(strstr(err.msg, "kiln-no-such-program"));

	s.argv = (const char *const[]){ "/nowhere/program", NULL };
	err_clear(&err);
	assert_int_equal(spawn_start(&s, &c, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_non_null(strstr(err.msg, "/nowhere/program"));

	s.argv = (const char *const[]){ "/etc/passwd", NULL };
	err_clear(&err);
	assert_int_equal(spawn_start(&s, &c, &err), -1);
	assert_int_equal(err.sys, EACCES);
	assert_int_equal(c.pid, 0);
	/* And no zombie is left of any. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
the_environment_is_the_given_one_only(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	setenv("KILN_TEST_SECRET", "x", 1);
	s.argv = (const char *const[]){ "env", NULL };
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_string_equal(out.data,
	    "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C.UTF-8\nTZ=UTC\n");
	buf_clear(&out);
	s.env = (const char *const[]){ "A=1", NULL };
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_string_equal(out.data, "A=1\n");
}

/* Numbers 0 to 4 and nothing else, whatever we have open and wherever the
 * given ones lie. */
static void
a_child_gets_the_given_descriptors_and_no_others(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	auto_fd int leak = open("/dev/null", O_RDONLY);
	auto_fd int high = fcntl(leak, F_DUPFD, 200);
	auto_fd int dir = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pipefd[2];

	(void)state;
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	assert_int_equal(write(pipefd[1], "ping\n", 5), 5);
	s.argv = SH("read a <&4; echo $a; cd /proc/self/fd/3 && pwd -P;"
		    " ls /proc/$$/fd");
	s.fds[s.nfds++] = dir;
	s.fds[s.nfds++] = pipefd[0];
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	/* 255 or 10 would be the shell's own; dash keeps none here. */
	assert_string_equal(out.data, "ping\n/etc\n0\n1\n2\n3\n4\n");
	close(pipefd[0]);
	close(pipefd[1]);
	assert_true(high >= 200);
}

static void
descriptors_may_be_given_in_crossed_order(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int fd[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		char text[2] = { (char)('a' + i), '\n' };
		int p[2];

		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		assert_int_equal(write(p[1], text, 2), 2);
		close(p[1]);
		fd[i] = p[0];
	}
	s.argv = SH("cat <&3; cat <&4; cat <&5; cat");
	/* Backwards, the last also as input: read to its end before. */
	s.in = fd[0];
	s.fds[0] = fd[2];
	s.fds[1] = fd[1];
	s.fds[2] = fd[0];
	s.nfds = 3;
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_string_equal(out.data, "c\nb\na\n");
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void
signals_and_working_folder_are_reset(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	auto_fd int dir = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	sigset_t set, old;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	/* The C library keeps signals 32 and 33 to itself. */
	s.argv = SH("i=$(sed -n 's/^SigIgn:.//p' /proc/self/status);"
		    "b=$(sed -n 's/^SigBlk:.//p' /proc/self/status);"
		    "echo $((0x$i & 0x7fffffff)) $((0x$b & 0x7fffffff)); pwd");
	s.cwd = dir;
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_string_equal(out.data, "0 0\n/usr\n");
}

static void
input_is_empty_unless_given(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = (const char *const[]){ "cat", NULL };
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_int_equal(out.len, 0);
}

/* Grandchildren that hold the pipes open must neither live nor block us. */
static void
a_deadline_kills_the_whole_group(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	char word[64];
	auto_free char *script = NULL;
	int64_t began = time_mono_ms(), took;

	(void)state;
	snprintf(word, sizeof(word), "9%07d.5", getpid());
	script =
	    mem_printf("(sleep %s & sleep %s) & sleep %s", word, word, word);
	s.argv = SH(script);
	assert_int_equal(run(&s, 300, &out, NULL, &err), -1);
	took = time_mono_ms() - began;
	assert_true(took >= 300 && took < 5000);
	assert_int_equal(err.sys, ETIMEDOUT);
	assert_non_null(strstr(err.msg, "deadline of 0.3 s"));
	assert_true(soon_nobody_with(word));
}

static void
what_a_finished_program_left_behind_is_killed(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	char word[64];
	auto_free char *script = NULL;
	int64_t began = time_mono_ms();

	(void)state;
	snprintf(word, sizeof(word), "8%07d.5", getpid());
	script = mem_printf("sleep %s & echo done", word);
	s.argv = SH(script);
	assert_int_equal(run(&s, 60000, &out, NULL, &err), 0);
	assert_string_equal(out.data, "done\n");
	assert_true(time_mono_ms() - began < 5000);
	assert_true(soon_nobody_with(word));
}

static void
a_new_session_is_killed_as_a_group_too(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;
	char word[64];
	auto_free char *script = NULL;

	(void)state;
	snprintf(word, sizeof(word), "7%07d.5", getpid());
	script = mem_printf("sleep %s & sleep %s", word, word);
	s.argv = SH(script);
	s.new_session = true;
	assert_int_equal(spawn_start(&s, &c, &err), 0);
	assert_int_equal(getsid(c.pid), c.pid);
	assert_int_equal(spawn_poll(&c, &end, &err), 0);
	assert_int_equal(spawn_wait(&c, 100, &end, &err), 0);
	assert_true(end.timed_out);
	assert_int_equal(end.signal, SIGKILL);
	assert_true(end.wall_ms >= 100);
	assert_true(soon_nobody_with(word));
}

static void
much_output_on_both_streams_does_not_deadlock(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, errs = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = SH("i=0; while [ $i -lt 40 ]; do head -c 20000 /dev/zero;"
		    " head -c 20000 /dev/zero >&2; i=$((i+1)); done");
	assert_int_equal(
	    spawn_capture(&s, 60000, 1 << 20, &out, &errs, &err), 0);
	assert_int_equal(out.len, 800000);
	assert_int_equal(errs.len, 800000);
}

static void
too_much_output_is_refused_and_too_much_talk_cut(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT, errs = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = (const char *const[]){ "yes", NULL };
	assert_int_equal(spawn_capture(&s, 60000, 100, &out, &errs, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_true(out.len <= 100);
	buf_clear(&out);
	s.argv = SH("head -c 300000 /dev/zero >&2; echo >&2;"
		    " echo last >&2; exit 1");
	assert_int_equal(spawn_capture(&s, 60000, 100, &out, &errs, &err), -1);
	assert_int_equal(errs.len, 100);
	assert_non_null(strstr(err.msg, "last"));
}

static void
polling_tells_running_from_ended(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;
	struct pollfd pfd = { .events = POLLIN };
	int in[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	s.argv = SH("read x; exit 7");
	s.in = in[0];
	assert_int_equal(spawn_start(&s, &c, &err), 0);
	close(in[0]);
	assert_int_equal(spawn_poll(&c, &end, &err), 0);
	close(in[1]);
	pfd.fd = c.pidfd;
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	assert_int_equal(spawn_poll(&c, &end, &err), 1);
	assert_int_equal(end.code, 7);
	assert_int_equal(c.pidfd, -1);
	spawn_kill(&c); /* nothing there: harmless */
}

static void
time_and_memory_are_measured(void **state)
{
	struct spawn s = SPAWN_INIT;
	struct child c = CHILD_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = SH("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done");
	assert_int_equal(spawn_start(&s, &c, &err), 0);
	assert_int_equal(spawn_wait(&c, -1, &end, &err), 0);
	assert_int_equal(end.code, 0);
	assert_true(end.cpu_ms > 0);
	assert_true(end.wall_ms > 0);
	assert_true(end.max_rss_kib > 100);
}

static void
a_child_dies_with_its_parent(void **state)
{
	char word[64];
	int pipefd[2], status;
	char c;
	pid_t pid;

	(void)state;
	snprintf(word, sizeof(word), "6%07d.5", getpid());
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct spawn s = SPAWN_INIT;
		struct child ch = CHILD_INIT;
		struct err err = ERR_INIT;

		s.argv = (const char *const[]){ "sleep", word, NULL };
		s.die_with_parent = true;
		if (spawn_start(&s, &ch, &err) == -1)
			_exit(1);
		(void)!write(pipefd[1], "x", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(pipefd[0], &c, 1), 1);
	assert_true(anybody_with(word));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(soon_nobody_with(word));
	close(pipefd[0]);
	close(pipefd[1]);
}

static void
a_child_takes_another_uid_for_good(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	if (geteuid() != 0)
		skip();
	s.uid = 60901;
	s.gid = 60902;
	s.die_with_parent = true;
	s.argv = SH("grep -E '^(Uid|Gid|Groups|CapEff):' /proc/self/status");
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_string_equal(out.data, "Uid:\t60901\t60901\t60901\t60901\n"
				      "Gid:\t60902\t60902\t60902\t60902\n"
				      "Groups:\t \n"
				      "CapEff:\t0000000000000000\n");
}

static void
a_network_namespace_is_entered(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	auto_fd int ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char here[64] = "";

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(readlink("/proc/self/ns/net", here, sizeof(here) - 1) > 0);
	s.netns = ns;
	s.argv = (const char *const[]){ "readlink", "/proc/self/ns/net", NULL };
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_int_equal(strncmp(out.data, here, strlen(here)), 0);
	/* Not a namespace: the step is named. */
	s.netns = STDERR_FILENO;
	assert_int_equal(run(&s, 10000, &out, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "network namespace"));
}

static void
spawn_run_throws_output_away(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(spawn_run(SH("head -c 1000000 /dev/zero;"
				      " head -c 1000000 /dev/zero >&2"),
			     10000, &err),
	    0);
	assert_int_equal(spawn_run(SH("exit 1"), 10000, &err), -1);
	assert_string_equal(err.msg, "/bin/sh: exit 1");
}

/* This program again, told by an argument. */
static void
exec_self_runs_this_program(void **state)
{
	struct spawn s = SPAWN_INIT;
	auto_buf struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	s.argv = (const char *const[]){ "anything", "-x", "role", NULL };
	s.exec_self = true;
	assert_int_equal(run(&s, 10000, &out, NULL, &err), 0);
	assert_string_equal(out.data, "anything as role\n");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_collected_and_exit_zero_is_success),
		cmocka_unit_test(a_failure_tells_program_exit_and_last_line),
		cmocka_unit_test(a_signal_is_told_apart_from_an_exit),
		cmocka_unit_test(a_missing_program_is_named),
		cmocka_unit_test(the_environment_is_the_given_one_only),
		cmocka_unit_test(
		    a_child_gets_the_given_descriptors_and_no_others),
		cmocka_unit_test(descriptors_may_be_given_in_crossed_order),
		cmocka_unit_test(signals_and_working_folder_are_reset),
		cmocka_unit_test(input_is_empty_unless_given),
		cmocka_unit_test(a_deadline_kills_the_whole_group),
		cmocka_unit_test(what_a_finished_program_left_behind_is_killed),
		cmocka_unit_test(a_new_session_is_killed_as_a_group_too),
		cmocka_unit_test(much_output_on_both_streams_does_not_deadlock),
		cmocka_unit_test(
		    too_much_output_is_refused_and_too_much_talk_cut),
		cmocka_unit_test(polling_tells_running_from_ended),
		cmocka_unit_test(time_and_memory_are_measured),
		cmocka_unit_test(a_child_dies_with_its_parent),
		cmocka_unit_test(a_child_takes_another_uid_for_good),
		cmocka_unit_test(a_network_namespace_is_entered),
		cmocka_unit_test(spawn_run_throws_output_away),
		cmocka_unit_test(exec_self_runs_this_program),
	};

	if (argc == 3 && strcmp(argv[1], "-x") == 0) {
		printf("%s as %s\n", argv[0], argv[2]);
		return 0;
	}
	return cmocka_run_group_tests_name("spawn", tests, NULL, NULL);
}
