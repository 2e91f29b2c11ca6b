/* Collecting what a child says, without a deadlock on a full pipe. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"

#define TAIL 4096 /* bytes of stderr kept for the last line */

/* One of the two streams being collected. */
struct stream {
	int fd;		  /* -1: ended */
	struct buf *keep; /* or NULL */
	size_t limit;
	bool over;
};

/* Some of what is there, or 0; closes at the end of file. */
static ssize_t
stream_some(struct stream *st, char *block, size_t room)
{
	ssize_t n;

	do
		n = read(st->fd, block, room);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0 || errno != EAGAIN)
		close(take_fd(&st->fd));
	return 0;
}

/* Reads what is there. */
static void
stream_read(struct stream *st)
{
	char block[16384];
	ssize_t n;

	while ((n = stream_some(st, block, sizeof(block))) > 0) {
		if (st->keep->len + (size_t)n > st->limit) {
			st->over = true;
			n = (ssize_t)(st->limit - st->keep->len);
		}
		buf_add(st->keep, block, (size_t)n);
		if (st->over)
			return;
	}
}

/* What does not fit is thrown away, but the child must not block on it. */
static void
stream_skim(struct stream *st, struct buf *tail)
{
	char block[16384];
	ssize_t n;

	while ((n = stream_some(st, block, sizeof(block))) > 0) {
		if (st->keep) {
			size_t room = st->limit - st->keep->len;

			buf_add(st->keep, block,
			    (size_t)n < room ? (size_t)n : room);
		}
		buf_add(tail, block, (size_t)n);
		if (tail->len > TAIL) {
			size_t cut = tail->len - TAIL;

			memmove(tail->data, tail->data + cut, TAIL);
			tail->len = TAIL;
			tail->data[TAIL] = '\0';
		}
	}
}

/* Appends ": last line", with control bytes as '?'. */
static void
last_line(const struct buf *tail, struct buf *out)
{
	size_t end = tail->len, start;

	while (end > 0 && strchr(" \t\r\n", tail->data[end - 1]))
		end--;
	for (start = end; start > 0 && tail->data[start - 1] != '\n';)
		start--;
	if (start == end)
		return;
	if (end - start > 300)
		end = start + 300;
	buf_str(out, ": ");
	for (size_t i = start; i < end; i++) {
		unsigned char c = (unsigned char)tail->data[i];

		buf_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

static int
capture_pipe(int own[2], int *theirs, struct err *err)
{
	if (*theirs != -1)
		return 0; /* the caller's own descriptor: nothing to read */
	if (pipe2(own, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	if (fcntl(own[0], F_SETFL, O_NONBLOCK) == -1)
		return err_sys(err, "make a pipe");
	*theirs = own[1];
	return 0;
}

/* Reads both streams until the program ended. */
static int
collect(struct child *child, struct stream *out, struct stream *errs,
    struct buf *tail, int64_t deadline_ms, struct spawn_end *end,
    struct err *err)
{
	int64_t began = time_mono_ms();
	bool ended = false;

	while (!ended) {
		struct pollfd pfd[3] = {
			{ .fd = child->pidfd, .events = POLLIN },
			{ .fd = out->fd, .events = POLLIN },
			{ .fd = errs->fd, .events = POLLIN },
		};
		int64_t left = began + deadline_ms - time_mono_ms();
		int r;

		if (deadline_ms < 0)
			left = -1;
		else if (left <= 0)
			return spawn_wait(child, 0, end, err);
		r = poll(pfd, 3, left > 1000000 ? 1000000 : (int)left);
		if (r == -1 && errno != EINTR)
			return err_sys(
			    err, "wait for process %d", (int)child->pid);
		if (r <= 0)
			continue;
		/* Asked first: all it wrote is then read below. */
		ended = pfd[0].revents != 0;
		if (out->fd >= 0 && (ended || pfd[1].revents))
			stream_read(out);
		if (errs->fd >= 0 && (ended || pfd[2].revents))
			stream_skim(errs, tail);
		if (out->over)
			break;
	}
	spawn_signal(child, SIGKILL); /* or what it left behind */
	return spawn_wait(child, ended ? -1 : 0, end, err);
}

static int
judge(const char *name, const struct spawn_end *end, bool over, size_t limit,
    const struct buf *tail, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (over)
		return err_set(err, ERR_INPUT,
		    "%s: said more than the %zu bytes allowed", name, limit);
	if (!end->timed_out && end->code == 0)
		return 0;
	spawn_end_text(end, &text);
	last_line(tail, &text);
	err_set(err, ERR_SYSTEM, "%s: %s", name, text.data);
	if (end->timed_out)
		err->sys = ETIMEDOUT;
	return -1;
}

int
spawn_capture(const struct spawn *given, int64_t deadline_ms, size_t limit,
    struct buf *out, struct buf *errtext, struct err *err)
{
	struct spawn s = *given;
	struct child child = CHILD_INIT;
	struct spawn_end end = { .code = -1 };
	struct stream o = { .fd = -1, .limit = limit };
	struct stream e = { .fd = -1, .limit = limit };
	auto_buf struct buf tail = BUF_INIT;
	auto_fd int null = -1;
	int op[2] = { -1, -1 }, ep[2] = { -1, -1 };
	int r = -1;

	o.keep = out;
	e.keep = errtext;
	if (!out && s.out == -1) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null == -1)
			return err_sys(err, "open /dev/null");
		s.out = null;
	}
	if (capture_pipe(op, &s.out, err) == 0 &&
	    capture_pipe(ep, &s.err, err) == 0)
		r = spawn_start(&s, &child, err);
	own_close(&op[1]);
	own_close(&ep[1]);
	o.fd = op[0];
	e.fd = ep[0];
	if (r == 0) {
		if (out)
			o.limit += out->len;
		if (errtext)
			e.limit += errtext->len;
		r = collect(&child, &o, &e, &tail, deadline_ms, &end, err);
		if (r == 0)
			r = judge(s.argv[0], &end, o.over, limit, &tail, err);
		else
			spawn_kill(&child);
	}
	own_close(&o.fd);
	own_close(&e.fd);
	return r;
}
