/*
 * The parent's side of fetching, against a child in enemy hands: this program
 * itself, started with "hostile" where a proxy would stand.  The URL says what
 * it does.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/fetch_proto.h"
/* Alone: its room needs all the others. */
#include "router-agent/trust/fetch.c"

static void
say_done(uint32_t status, int64_t bytes, const char *etag)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	ipc_add_u32(&b, status);
	ipc_add_i64(&b, bytes);
	ipc_add_str(&b, etag);
	ipc_add_i64(&b, status == 503 ? 70 : 7);
	if (ipc_send(FETCH_SOCKET, FETCH_DONE, &b, NULL, 0, &err) == -1)
		_exit(9);
}

static void
say_failed(uint32_t cls)
{
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	ipc_add_u32(&b, cls);
	ipc_add_u32(&b, 0);
	ipc_add_str(&b, "as it\033[2J says");
	if (ipc_send(FETCH_SOCKET, FETCH_FAILED, &b, NULL, 0, &err) == -1)
		_exit(9);
}

static void
act(const char *url, int body)
{
	struct err err = ERR_INIT;
	auto_buf struct buf junk = BUF_INIT;
	bool is_good = strcmp(url, "good") == 0;

	if (is_good || strcmp(url, "keep-open") == 0) {
		if (fd_write_all(body, "hello", 5, &err) == -1)
			_exit(9);
		if (is_good)
			close(body);
		say_done(200, 5, "\"tag\"");
	} else if (strcmp(url, "endless") == 0) {
		while (fd_write_all(body, "xxxxxxxxxxxxxxxx", 16, &err) == 0)
			;
	} else if (strcmp(url, "lies") == 0) {
		if (fd_write_all(body, "hell", 4, &err) == -1)
			_exit(9);
		close(body);
		say_done(200, 5, "");
	} else if (strcmp(url, "body of 404") == 0) {
		if (fd_write_all(body, "no", 2, &err) == -1)
			_exit(9);
		close(body);
		say_done(404, 0, "");
	} else if (strcmp(url, "404") == 0) {
		close(body);
		say_done(404, 0, "");
	} else if (strcmp(url, "503") == 0) {
		close(body);
		say_done(503, 0, "");
	} else if (strcmp(url, "dies") == 0) {
		_exit(3);
	} else if (strcmp(url, "silent") == 0) {
		pause();
	} else if (strcmp(url, "long etag") == 0) {
		char tag[300];

		memset(tag, 'x', sizeof(tag) - 1);
		tag[sizeof(tag) - 1] = '\0';
		close(body);
		say_done(200, 0, tag);
	} else if (strcmp(url, "junk") == 0) {
		buf_str(&junk, "junk");
		if (ipc_send(FETCH_SOCKET, FETCH_DONE, &junk, NULL, 0, &err) ==
		    -1)
			_exit(9);
		pause();
	} else if (strcmp(url, "trusted") == 0) {
		say_failed(ERR_TRUST);
	} else {
		say_failed(ERR_BUSY);
	}
}

static int
hostile(void)
{
	struct err err = ERR_INIT;

	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_free char *url = NULL;

		if (ipc_recv(FETCH_SOCKET, -1, &m, &err) != 1 ||
		    ipc_get_str(&m, FETCH_URL_MAX, &url, &err) == -1)
			return 0;
		act(url, m.fds[0]);
		m.fds[0] = -1;
	}
}

static struct fetcher *
start(void)
{
	struct err err = ERR_INIT;
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	struct fetcher *f;

	assert_true(n > 0);
	exe[n] = '\0';
	f = fetcher_start(exe, "hostile", &err);
	assert_non_null(f);
	return f;
}

static int
get(struct fetcher *f, const char *url, int64_t limit, struct buf *body,
    struct fetch_answer *a, struct err *err)
{
	struct fetch_more more = { .body = body, .deadline_ms = 60000 };

	err_clear(err);
	return fetcher_get(f, url, limit, -1, &more, a, err);
}

static void
bytes_status_and_etag_arrive(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	assert_int_equal(get(f, "good", 5, &b, &a, &err), 0);
	assert_string_equal(b.data, "hello");
	assert_int_equal(a.status, 200);
	assert_int_equal(a.bytes, 5);
	assert_string_equal(a.etag, "\"tag\"");
	assert_int_equal(a.retry_after, 7);
	assert_int_equal(get(f, "404", 5, &b, &a, &err), 0);
	assert_int_equal(a.status, 404);
	fetcher_stop(f);
}

static void
bytes_go_into_a_file_from_its_offset_on(void **state)
{
	struct fetcher *f = start();
	auto_fd int fd = memfd_create("t", MFD_CLOEXEC);
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	assert_int_equal(write(fd, "oh ", 3), 3);
	assert_int_equal(fetcher_get(f, "good", 10, fd, NULL, &a, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, 100, &b, &err), 0);
	assert_string_equal(b.data, "oh hello");
	fetcher_stop(f);
}

static void
the_limit_holds_whatever_the_child_does(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	assert_int_equal(get(f, "endless", 100000, &b, &a, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_true(b.len <= 100000);
	assert_non_null(strstr(err.msg, "more than"));
	assert_int_equal(get(f, "good", 4, &b, &a, &err), -1);
	assert_int_equal(get(f, "good", 5, &b, &a, &err), 0);
	fetcher_stop(f);
}

static void
a_wrong_count_is_a_broken_transfer(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	assert_int_equal(get(f, "lies", 9, &b, &a, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_int_equal(get(f, "body of 404", 9, &b, &a, &err), -1);
	fetcher_stop(f);
}

static void
a_child_that_died_is_started_again(void **state)
{
	static const char *const ways[] = { "dies", "junk", "long etag" };
	struct fetcher *f = start();
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		auto_buf struct buf b = BUF_INIT;

		assert_int_equal(get(f, ways[i], 9, &b, &a, &err), -1);
		assert_int_equal(get(f, "good", 9, &b, &a, &err), 0);
	}
	fetcher_stop(f);
}

static void
the_longest_retry_after_is_kept_and_a_rested_child_comes_back(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;
	pid_t first;

	(void)state;
	/* That of an answer that needs none does not count. */
	assert_int_equal(get(f, "good", 9, &b, &a, &err), 0);
	assert_int_equal(fetcher_retry_after(f), 0);
	assert_int_equal(get(f, "503", 9, &b, &a, &err), 0);
	assert_int_equal(a.status, 503);
	assert_int_equal(fetcher_retry_after(f), 70);
	first = f->child.pid;
	fetcher_rest(f);
	assert_int_equal(kill(first, 0), -1);
	assert_int_equal(get(f, "good", 9, &b, &a, &err), 0);
	assert_int_not_equal(f->child.pid, 0);
	assert_int_equal(fetcher_retry_after(f), 70);
	fetcher_stop(f);
}

static int
stop_at_once(void *arg, int64_t done, int64_t total)
{
	(void)total;
	*(int64_t *)arg = done;
	return 1;
}

static void
progress_can_give_up(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;
	int64_t seen = 0;
	struct fetch_more more = {
		.body = &b, .progress = stop_at_once, .arg = &seen
	};

	(void)state;
	assert_int_equal(fetcher_get(f, "good", 9, -1, &more, &a, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_int_equal(seen, 5);
	fetcher_stop(f);
}

static void
failures_keep_their_class_but_trust_is_not_the_childs_to_judge(void **state)
{
	struct fetcher *f = start();
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	assert_int_equal(get(f, "fails", 9, &b, &a, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_null(strchr(err.msg, '\033'));
	assert_int_equal(get(f, "trusted", 9, &b, &a, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	fetcher_stop(f);
}

static void
a_silent_child_meets_the_deadline(void **state)
{
	static const char *const ways[] = { "silent", "keep-open" };
	struct fetcher *f = start();
	struct err err = ERR_INIT;
	struct fetch_answer a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		auto_buf struct buf b = BUF_INIT;
		struct fetch_more more = { .body = &b, .deadline_ms = 1 };

		more.grace_ms = 50;
		assert_int_equal(
		    fetcher_get(f, ways[i], 9, -1, &more, &a, &err), -1);
		assert_string_equal(err_cause(&err), "timeout");
	}
	fetcher_stop(f);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_status_and_etag_arrive),
		cmocka_unit_test(bytes_go_into_a_file_from_its_offset_on),
		cmocka_unit_test(the_limit_holds_whatever_the_child_does),
		cmocka_unit_test(a_wrong_count_is_a_broken_transfer),
		cmocka_unit_test(a_child_that_died_is_started_again),
		cmocka_unit_test(
		    the_longest_retry_after_is_kept_and_a_rested_child_comes_back),
		cmocka_unit_test(progress_can_give_up),
		cmocka_unit_test(
		    failures_keep_their_class_but_trust_is_not_the_childs_to_judge),
		cmocka_unit_test(a_silent_child_meets_the_deadline),
	};

	if (argc == 2 && strcmp(argv[1], "hostile") == 0)
		return hostile();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
