/* Messages between our own processes; the other side may be hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static int sv[2];

static int
setup(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return ipc_pair(sv, &err);
}

static int
teardown(void **state)
{
	(void)state;
	own_close(&sv[0]);
	own_close(&sv[1]);
	return 0;
}

/* Raw bytes as an enemy would send them. */
static void
send_raw(const void *p, size_t n)
{
	assert_int_equal(send(sv[0], p, n, 0), (ssize_t)n);
}

static int
open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
fields_arrive_in_order(void **state)
{
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_free char *text = NULL;
	struct err err = ERR_INIT;
	struct hash h, back;
	struct span s;
	uint32_t u;
	int64_t i;

	(void)state;
	hash_bytes(&h, "x", 1);
	ipc_add_u32(&b, 0xdeadbeef);
	ipc_add_i64(&b, INT64_MIN);
	ipc_add_bytes(&b, "a\0b", 3);
	ipc_add_str(&b, "text");
	ipc_add_hash(&b, &h);
	assert_int_equal(ipc_send(sv[0], 7, &b, NULL, 0, &err), 0);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(m.type, 7);
	assert_int_equal(ipc_get_u32(&m, &u, &err), 0);
	assert_int_equal(u, 0xdeadbeef);
	assert_int_equal(ipc_get_i64(&m, &i, &err), 0);
	assert_int_equal(i, INT64_MIN);
	assert_int_equal(ipc_get_bytes(&m, 3, &s, &err), 0);
	assert_true(span_equal(s, (struct span){ "a\0b", 3 }));
	assert_int_equal(ipc_get_str(&m, 4, &text, &err), 0);
	assert_string_equal(text, "text");
	assert_int_equal(ipc_end(&m, &err), -1); /* the hash is left */
	assert_int_equal(ipc_get_hash(&m, &back, &err), 0);
	assert_true(hash_equal(&h, &back));
	assert_int_equal(ipc_end(&m, &err), 0);
}

/* What arrives of a fault with this class and so much behind it. */
static struct err
told(uint32_t cls, const char *behind)
{
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err e = ERR_INIT, why = { .cls = (enum err_class)cls };

	snprintf(why.msg, sizeof(why.msg), "the disk is full");
	ipc_add_err(&b, &why);
	buf_str(&b, behind);
	assert_int_equal(ipc_send(sv[0], 9, &b, NULL, 0, &e), 0);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &e), 1);
	assert_int_equal(ipc_get_err(&m, ERR_TRUST, &e), -1);
	return e;
}

static void
a_fault_arrives_as_one(void **state)
{
	struct err e = told(ERR_MISSING, "");

	(void)state;
	assert_int_equal(e.cls, ERR_MISSING);
	assert_string_equal(e.msg, "the disk is full");
	assert_int_equal(told(ERR_NONE, "").cls, ERR_TRUST);
	assert_int_equal(told(ERR_BUSY + 1, "").cls, ERR_TRUST);
	assert_int_equal(told(UINT32_MAX, "").cls, ERR_TRUST);
	e = told(ERR_MISSING, "x");
	assert_int_equal(e.cls, ERR_INPUT);
	assert_non_null(strstr(e.msg, "too many"));
}

static void
a_message_without_fields_is_a_message(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ipc_send(sv[0], 0, NULL, NULL, 0, &err), 0);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(m.type, 0);
	assert_int_equal(ipc_end(&m, &err), 0);
}

static void
trailing_bytes_are_refused(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;
	uint32_t u;

	(void)state;
	send_raw("\1\0\0\0\2\0\0\0+", 9);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(ipc_get_u32(&m, &u, &err), 0);
	assert_int_equal(ipc_end(&m, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(err.msg, "message 1 has 1 bytes too many");
}

static void
lengths_that_lie_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} all[] = {
		{ "\1\0\0\0", 4 },	      /* no field at all */
		{ "\1\0\0\0\3\0\0", 7 },      /* half a length */
		{ "\1\0\0\0\3\0\0\0ab", 10 }, /* 3 bytes, 2 there */
		{ "\1\0\0\0\xff\xff\xff\xff", 8 },
		{ "\1\0\0\0\x0b\0\0\0aaaaaaaaaaa", 19 }, /* over the max */
		{ "\1\0\0\0\3\0\0\0a\0b", 11 },		 /* NUL in a text */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct err err = ERR_INIT;
		char *s = NULL;

		send_raw(all[i].bytes, all[i].n);
		assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
		assert_int_equal(ipc_get_str(&m, 10, &s, &err), -1);
		assert_int_equal(err.cls, ERR_INPUT);
		assert_null(s);
	}
}

/* With room for its NUL, which nobody sends. */
static void
a_text_fills_an_array_and_goes_no_further(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;
	char four[4] = "was", three[3] = "is";

	(void)state;
	send_raw("\1\0\0\0\3\0\0\0abc\3\0\0\0abc", 18);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(IPC_GET_TEXT(&m, four, &err), 0);
	assert_string_equal(four, "abc");
	assert_int_equal(IPC_GET_TEXT(&m, three, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(three, "is");
}

static void
short_numbers_and_hashes_are_refused(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;
	struct hash h;
	uint32_t u;
	int64_t i;

	(void)state;
	send_raw("\1\0\0\0abc", 7);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(ipc_get_u32(&m, &u, &err), -1);
	assert_int_equal(ipc_get_i64(&m, &i, &err), -1);
	assert_int_equal(ipc_get_hash(&m, &h, &err), -1);
}

static void
a_message_without_a_type_is_refused(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;

	(void)state;
	send_raw("abc", 3);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

static void
the_largest_message_passes_and_a_larger_one_does_not(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	int room = 1 << 20;

	(void)state;
	while (b.len < IPC_MAX)
		buf_char(&b, 'x');
	assert_int_equal(ipc_send(sv[0], 1, &b, NULL, 0, &err), 0);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
	assert_int_equal(m.body.len, IPC_MAX);
	buf_char(&b, 'x');
	assert_int_equal(ipc_send(sv[0], 1, &b, NULL, 0, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	/* An enemy does not ask ipc_send. */
	setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	buf_str(&b, "....");
	send_raw(b.data, b.len);
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(m.body.len, 0);
}

static void
descriptors_ride_along_close_on_exec(void **state)
{
	struct err err = ERR_INIT;
	int before, pipefd[2], got;
	char c;

	(void)state;
	before = open_fds();
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	{
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;

		assert_int_equal(ipc_send(sv[0], 1, NULL, pipefd, 2, &err), 0);
		assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 1);
		assert_true(m.fds[0] >= 0 && m.fds[1] >= 0);
		assert_int_equal(m.fds[2], -1);
		assert_int_equal(fcntl(m.fds[0], F_GETFD), FD_CLOEXEC);
		assert_int_equal(write(pipefd[1], "x", 1), 1);
		got = take_fd(&m.fds[0]);
	}
	assert_int_equal(read(got, &c, 1), 1);
	close(got);
	close(pipefd[0]);
	close(pipefd[1]);
	assert_int_equal(open_fds(), before);
}

static void
too_many_descriptors_are_refused_and_closed(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;
	union {
		char space[CMSG_SPACE(sizeof(int) * 20)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (char[]){ 1, 0, 0, 0 }, 4 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fds[20], before;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = sv[1];
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(sv[0], &msg, 0), 4);
	before = open_fds();
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(open_fds(), before);
}

static void
the_end_and_a_timeout_are_told_apart(void **state)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ipc_recv(sv[1], 20, &m, &err), -1);
	assert_int_equal(err.cls, ERR_BUSY);
	assert_int_equal(err.sys, ETIMEDOUT);
	own_close(&sv[0]);
	sv[0] = -1;
	assert_int_equal(ipc_recv(sv[1], 1000, &m, &err), 0);
	assert_int_equal(ipc_recv(sv[1], -1, &m, &err), 0);
	/* No SIGPIPE either. */
	assert_int_equal(ipc_send(sv[1], 1, NULL, NULL, 0, &err), -1);
	assert_int_equal(err.sys, EPIPE);
}

static void
a_wake_up_crosses_the_folder(void **state)
{
	struct err err = ERR_INIT;
	auto_fd int sock = -1;
	struct pollfd pfd = { .events = POLLIN };
	struct stat st;

	(void)state;
	wake_send(scratch.fd, "web"); /* no folder: nothing happens */
	assert_int_equal(wake_bind(scratch.fd, "web", &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
	assert_int_equal(mkdirat(scratch.fd, "web", 0755), 0);
	wake_send(scratch.fd, "web"); /* nobody there */
	sock = wake_bind(scratch.fd, "web", &err);
	assert_true(sock >= 0);
	assert_int_equal(fstatat(scratch.fd, "web/wake", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	pfd.fd = sock;
	assert_int_equal(poll(&pfd, 1, 0), 0);
	for (int i = 0; i < 1000; i++)
		wake_send(scratch.fd, "web"); /* full is fine, no blocking */
	assert_int_equal(poll(&pfd, 1, 1000), 1);
	wake_drain(sock);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	/* A second start takes the name over. */
	close(sock);
	sock = wake_bind(scratch.fd, "web", &err);
	assert_true(sock >= 0);
	wake_send(scratch.fd, "web");
	pfd.fd = sock;
	assert_int_equal(poll(&pfd, 1, 1000), 1);
}

static void
a_wake_up_follows_no_link(void **state)
{
	struct err err = ERR_INIT;
	auto_fd int sock = -1;
	struct pollfd pfd = { .events = POLLIN };

	(void)state;
	assert_int_equal(mkdirat(scratch.fd, "web", 0755), 0);
	assert_int_equal(mkdirat(scratch.fd, "evil", 0755), 0);
	sock = wake_bind(scratch.fd, "web", &err);
	assert_true(sock >= 0);
	assert_int_equal(symlinkat("../web/wake", scratch.fd, "evil/wake"), 0);
	wake_send(scratch.fd, "evil");
	pfd.fd = sock;
	assert_int_equal(poll(&pfd, 1, 50), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define SCRATCH(f) \
	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fields_arrive_in_order),
		TEST(a_fault_arrives_as_one),
		TEST(a_message_without_fields_is_a_message),
		TEST(trailing_bytes_are_refused),
		TEST(lengths_that_lie_are_refused),
		TEST(a_text_fills_an_array_and_goes_no_further),
		TEST(short_numbers_and_hashes_are_refused),
		TEST(a_message_without_a_type_is_refused),
		TEST(the_largest_message_passes_and_a_larger_one_does_not),
		TEST(descriptors_ride_along_close_on_exec),
		TEST(too_many_descriptors_are_refused_and_closed),
		TEST(the_end_and_a_timeout_are_told_apart),
		SCRATCH(a_wake_up_crosses_the_folder),
		SCRATCH(a_wake_up_follows_no_link),
	};

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
