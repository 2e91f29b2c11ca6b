/* Little-endian fields in packets; descriptors ride along. */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define SEND_SECONDS 30

int
ipc_pair(int sv[2], struct err *err)
{
	struct timeval patience = { .tv_sec = SEND_SECONDS };
	int room = 2 * IPC_MAX;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == -1)
		return err_sys(err, "make a socket pair");
	for (int i = 0; i < 2; i++) {
		if (setsockopt(sv[i], SOL_SOCKET, SO_SNDTIMEO, &patience,
			sizeof(patience)) == 0 &&
		    setsockopt(
			sv[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0)
			continue;
		err_sys(err, "set up a socket pair");
		close(sv[0]);
		close(sv[1]);
		return -1;
	}
	return 0;
}

void
ipc_add_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_add(b, &v, sizeof(v));
}

void
ipc_add_i64(struct buf *b, int64_t v)
{
	uint64_t u = htole64((uint64_t)v);

	buf_add(b, &u, sizeof(u));
}

void
ipc_add_bytes(struct buf *b, const void *p, size_t n)
{
	assert(n <= IPC_MAX);
	ipc_add_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

void
ipc_add_str(struct buf *b, const char *s)
{
	ipc_add_bytes(b, s, strlen(s));
}

void
ipc_add_err(struct buf *b, const struct err *e)
{
	ipc_add_u32(b, (uint32_t)e->cls);
	ipc_add_str(b, e->msg);
}

void
ipc_add_hash(struct buf *b, const struct hash *h)
{
	buf_add(b, h->b, sizeof(h->b));
}

int
ipc_send(int sock, uint32_t type, const struct buf *fields, const int *fds,
    size_t nfds, struct err *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	uint32_t head = htole32(type);
	size_t body = fields ? fields->len : 0;
	struct iovec iov[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = fields ? fields->data : NULL, .iov_len = body },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	assert(nfds <= IPC_FDS);
	if (body > IPC_MAX)
		return err_set(err, ERR_INPUT,
		    "a message of %zu bytes is too large (%d allowed)", body,
		    IPC_MAX);
	if (nfds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		err_set(err, ERR_BUSY, "the other process does not listen");
		err->sys = ETIMEDOUT;
		return -1;
	}
	if (n == -1)
		return err_sys(err, "send a message");
	return 0;
}

void
ipc_release(struct ipc_msg *m)
{
	buf_release(&m->body);
	for (int i = 0; i < IPC_FDS; i++) {
		own_close(&m->fds[i]);
		m->fds[i] = -1;
	}
	m->type = 0;
	m->at = 0;
}

/* Every descriptor that came is ours to close, wanted or not. */
static void
take_rights(struct msghdr *msg, struct ipc_msg *m)
{
	size_t have = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (have < IPC_FDS)
				m->fds[have++] = fd;
			else
				close(fd);
		}
	}
}

static int
wait_readable(int sock, int timeout_ms, struct err *err)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	int64_t until = time_mono_ms() + timeout_ms;
	int left = timeout_ms, r;

	for (;;) {
		r = poll(&pfd, 1, left);
		if (r == 1)
			return 0;
		if (r == -1 && errno != EINTR)
			return err_sys(err, "wait for a message");
		if (timeout_ms >= 0) {
			int64_t now = time_mono_ms();

			left = now < until ? (int)(until - now) : 0;
			if (left == 0)
				break;
		}
	}
	err_set(err, ERR_BUSY, "no message within %d ms", timeout_ms);
	err->sys = ETIMEDOUT;
	return -1;
}

int
ipc_recv(int sock, int timeout_ms, struct ipc_msg *m, struct err *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS)];
		struct cmsghdr align;
	} control = { 0 };
	uint32_t head;
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t n;

	ipc_release(m);
	if (wait_readable(sock, timeout_ms, err) == -1)
		return -1;
	buf_reserve(&m->body, IPC_MAX + 1);
	iov[0] = (struct iovec){ &head, sizeof(head) };
	iov[1] = (struct iovec){ m->body.data, IPC_MAX };
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == 0 || (n == -1 && errno == ECONNRESET)) {
		take_rights(&msg, m);
		ipc_release(m);
		return 0;
	}
	if (n == -1) {
		err_sys(err, "receive a message");
		ipc_release(m);
		return -1;
	}
	take_rights(&msg, m);
	if (msg.msg_flags & MSG_TRUNC) {
		ipc_release(m);
		return err_set(err, ERR_INPUT,
		    "a message is larger than %d bytes", IPC_MAX);
	}
	if (msg.msg_flags & MSG_CTRUNC) {
		ipc_release(m);
		return err_set(err, ERR_INPUT,
		    "a message has more than %d descriptors", IPC_FDS);
	}
	if ((size_t)n < sizeof(head)) {
		ipc_release(m);
		return err_set(err, ERR_INPUT, "a message has no type");
	}
	m->type = le32toh(head);
	m->body.len = (size_t)n - sizeof(head);
	m->body.data[m->body.len] = '\0';
	return 1;
}

static int
take(struct ipc_msg *m, void *out, size_t n, struct err *err)
{
	if (m->body.len - m->at < n)
		return err_set(
		    err, ERR_INPUT, "message %u is too short", m->type);
	memcpy(out, m->body.data + m->at, n);
	m->at += n;
	return 0;
}

int
ipc_get_u32(struct ipc_msg *m, uint32_t *out, struct err *err)
{
	uint32_t v = 0;

	if (take(m, &v, sizeof(v), err) == -1)
		return -1;
	*out = le32toh(v);
	return 0;
}

int
ipc_get_i64(struct ipc_msg *m, int64_t *out, struct err *err)
{
	uint64_t v = 0;

	if (take(m, &v, sizeof(v), err) == -1)
		return -1;
	*out = (int64_t)le64toh(v);
	return 0;
}

int
ipc_get_bytes(struct ipc_msg *m, size_t max, struct span *out, struct err *err)
{
	uint32_t n = 0;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > max)
		return err_set(err, ERR_INPUT,
		    "message %u: a field of %u bytes is longer than %zu",
		    m->type, n, max);
	if (m->body.len - m->at < n)
		return err_set(
		    err, ERR_INPUT, "message %u is too short", m->type);
	out->p = m->body.data + m->at;
	out->n = n;
	m->at += n;
	return 0;
}

int
ipc_get_str(struct ipc_msg *m, size_t max, char **out, struct err *err)
{
	struct span s;

	if (ipc_get_bytes(m, max, &s, err) == -1)
		return -1;
	if (memchr(s.p, '\0', s.n))
		return err_set(
		    err, ERR_INPUT, "message %u: NUL in a text", m->type);
	*out = mem_strn(s.p, s.n);
	return 0;
}

int
ipc_get_text(struct ipc_msg *m, char *out, size_t room, struct err *err)
{
	auto_free char *s = NULL;

	if (ipc_get_str(m, room - 1, &s, err) == -1)
		return -1;
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

int
ipc_get_err(struct ipc_msg *m, enum err_class otherwise, struct err *err)
{
	auto_free char *text = NULL;
	uint32_t cls;

	if (ipc_get_u32(m, &cls, err) == -1 ||
	    ipc_get_str(m, sizeof(err->msg), &text, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	if (cls <= ERR_NONE || cls > ERR_BUSY)
		cls = otherwise;
	return err_set(err, (enum err_class)cls, "%s", text);
}

int
ipc_get_hash(struct ipc_msg *m, struct hash *out, struct err *err)
{
	return take(m, out->b, sizeof(out->b), err);
}

int
ipc_end(struct ipc_msg *m, struct err *err)
{
	if (m->at == m->body.len)
		return 0;
	return err_set(err, ERR_INPUT, "message %u has %zu bytes too many",
	    m->type, m->body.len - m->at);
}

int
wake_bind(int rundirfd, const char *name, struct err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	auto_fd int dir = dir_open_at(rundirfd, name, err);
	auto_fd int sock = -1;

	if (dir == -1)
		return -1;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock == -1)
		return err_sys(err, "make a socket");
	if (unlinkat(dir, "wake", 0) == -1 && errno != ENOENT)
		return err_sys(err, "remove run/%s/wake", name);
	snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/wake", dir);
	if (bind(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    fchmodat(dir, "wake", 0666, 0) == -1)
		return err_sys(err, "bind run/%s/wake", name);
	return take_fd(&sock);
}

void
wake_send(int rundirfd, const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct err ignored = ERR_INIT;
	auto_buf struct buf path = BUF_INIT;
	auto_fd int sock = -1, file = -1;

	/* The folder is its owner's: a link in it must lead us nowhere. */
	buf_printf(&path, "%s/wake", name);
	file =
	    file_open_at(rundirfd, path.data, O_PATH | O_NOFOLLOW, 0, &ignored);
	if (file == -1)
		return;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock == -1)
		return;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", file);
	(void)!sendto(sock, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&sun, sizeof(sun));
}

void
wake_drain(int sock)
{
	char c;

	/* Bounded, so that a sender in a loop cannot keep us here. */
	for (int i = 0; i < 256; i++)
		if (recv(sock, &c, sizeof(c), MSG_DONTWAIT) == -1)
			break;
}
