#include "router-agent/trust/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "router-agent/fetch_proto.h"

#define CHUNK ((size_t)64 << 10)
#define POST_MS 60000
#define GRACE_MS 10000 /* the child's own deadline comes first */

struct fetcher {
	char *program;
	char *proxy;
	struct child child;
	int sock;   /* -1: no child */
	int folder; /* of a stick, or -1 */
	int64_t retry_after;
	int64_t at; /* to judge certificates by */
};

/* One request under way. */
struct transfer {
	struct fetcher *f;
	int64_t limit;
	int64_t got;
	int64_t give_up; /* time_mono_ms() */
	int fd;
	struct buf *body;
	const struct fetch_more *more;
	struct fetch_answer *answer;
	int64_t total;
	int64_t claimed; /* bytes, as the child counted */
	bool done;	 /* FETCH_DONE came */
	bool eof;	 /* the pipe is closed */
};

static char *
beside_us(struct err *err)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n == -1) {
		err_sys(err, "find the running program");
		return NULL;
	}
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	return mem_printf("%s/kiln-agent-fetch", exe);
}

static void
end_child(struct fetcher *f)
{
	if (f->sock == -1)
		return;
	close(take_fd(&f->sock));
	spawn_kill(&f->child);
}

void
fetcher_rest(struct fetcher *f)
{
	end_child(f);
}

void
fetcher_at(struct fetcher *f, int64_t at)
{
	f->at = at;
}

int64_t
fetcher_retry_after(const struct fetcher *f)
{
	return f->retry_after;
}

static int
start_child(struct fetcher *f, struct err *err)
{
	const char *argv[] = { f->program, f->proxy, NULL };
	static const char *const stick[] = { "kiln-agent", "-x", "stick",
		NULL };
	struct spawn s = SPAWN_INIT;
	int sv[2];

	if (ipc_pair(sv, err) == -1)
		return -1;
	s.argv = argv;
	s.fds[0] = sv[1];
	s.nfds = 1;
	if (f->folder != -1) {
		s.argv = stick;
		s.exec_self = true;
		s.fds[s.nfds++] = f->folder;
	}
	if (spawn_start(&s, &f->child, err) == -1) {
		close(sv[0]);
		close(sv[1]);
		return err_prefix(err, "start the fetcher");
	}
	close(sv[1]);
	f->sock = sv[0];
	return 0;
}

struct fetcher *
fetcher_start(const char *program, const char *proxy, struct err *err)
{
	struct fetcher *f = mem_zero(1, sizeof(*f));

	f->sock = f->folder = -1;
	f->child = (struct child)CHILD_INIT;
	f->program = program ? mem_str(program) : beside_us(err);
	f->proxy = mem_str(proxy);
	if (!f->program || start_child(f, err) == -1) {
		fetcher_stop(f);
		return NULL;
	}
	return f;
}

int
stick_open(const char *path, struct err *err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(err, "open %.200s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT,
		    "%.200s is neither a folder nor a router file", path);
	return take_fd(&fd);
}

struct fetcher *
fetcher_stick(int folder, struct err *err)
{
	struct fetcher *f = mem_zero(1, sizeof(*f));

	f->sock = -1;
	f->child = (struct child)CHILD_INIT;
	f->folder = fcntl(folder, F_DUPFD_CLOEXEC, 3);
	if (f->folder == -1)
		err_sys(err, "keep a folder open");
	if (f->folder == -1 || start_child(f, err) == -1) {
		fetcher_stop(f);
		return NULL;
	}
	return f;
}

void
fetcher_stop(struct fetcher *f)
{
	if (!f)
		return;
	end_child(f);
	own_close(&f->folder);
	free(f->program);
	free(f->proxy);
	free(f);
}

static int
ask(struct transfer *t, const char *url, int body, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	int64_t deadline = t->more->deadline_ms;

	if (strlen(url) > FETCH_URL_MAX)
		return err_set(
		    err, ERR_INPUT, "URL of more than %d bytes", FETCH_URL_MAX);
	ipc_add_str(&b, url);
	ipc_add_i64(&b, t->limit);
	ipc_add_i64(&b, t->more->from);
	ipc_add_i64(&b, deadline > 0 ? deadline : FETCH_DEADLINE_MS);
	ipc_add_str(&b, t->more->etag ? t->more->etag : "");
	ipc_add_i64(&b, t->f->at);
	return ipc_send(t->f->sock, FETCH_GET, &b, &body, 1, err);
}

static int
take_bytes(struct transfer *t, int pipe, struct err *err)
{
	char chunk[CHUNK];
	ssize_t n = read(pipe, chunk, sizeof(chunk));

	if (n == -1 && errno == EINTR)
		return 0;
	if (n == -1)
		return err_sys(err, "read from the fetcher");
	if (n == 0) {
		t->eof = true;
		return 0;
	}
	if (n > t->limit - t->got)
		return err_set(err, ERR_BUSY,
		    "more than the allowed %" PRId64 " bytes (endless data)",
		    t->limit);
	if (t->body)
		buf_add(t->body, chunk, (size_t)n);
	else if (fd_write_all(t->fd, chunk, (size_t)n, err) == -1)
		return -1;
	t->got += n;
	if (t->more->progress &&
	    t->more->progress(t->more->arg, t->got, t->total) != 0)
		return err_set(err, ERR_BUSY, "given up");
	return 0;
}

static int
on_progress(struct transfer *t, struct ipc_msg *m, struct err *err)
{
	int64_t done, total;

	if (ipc_get_i64(m, &done, err) == -1 ||
	    ipc_get_i64(m, &total, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	t->total = total;
	if (t->more->progress &&
	    t->more->progress(t->more->arg, t->got, t->total) != 0)
		return err_set(err, ERR_BUSY, "given up");
	return 0;
}

static int
on_done(struct transfer *t, struct ipc_msg *m, struct err *err)
{
	auto_free char *etag = NULL;
	uint32_t status;
	int64_t retry;

	if (ipc_get_u32(m, &status, err) == -1 ||
	    ipc_get_i64(m, &t->claimed, err) == -1 ||
	    ipc_get_str(m, sizeof(t->answer->etag) - 1, &etag, err) == -1 ||
	    ipc_get_i64(m, &retry, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (status < 100 || status > 599)
		return err_set(err, ERR_INPUT, "status %" PRIu32, status);
	t->answer->status = (int)status;
	t->answer->retry_after = retry > 0 ? retry : 0;
	if ((status == 429 || status == 503) && retry > t->f->retry_after)
		t->f->retry_after = retry;
	memcpy(t->answer->etag, etag, strlen(etag) + 1);
	t->done = true;
	return 0;
}

/* The child's own sentence and class; a class we do not know is the system's.
 * It decides nothing, so it may say what it likes. */
static int
on_failed(struct ipc_msg *m, struct err *err)
{
	auto_free char *sentence = NULL;
	uint32_t cls, sys;

	if (ipc_get_u32(m, &cls, err) == -1 ||
	    ipc_get_u32(m, &sys, err) == -1 ||
	    ipc_get_str(m, sizeof(err->msg), &sentence, err) == -1 ||
	    ipc_end(m, err) == -1)
		return -1;
	/* TLS trusts or not: what is installed is decided by TUF alone. */
	if (cls == ERR_TRUST)
		cls = ERR_BUSY;
	/* ERR_INPUT is a stick's: nobody stands between it and us. */
	if (cls != ERR_BUSY && cls != ERR_MISSING && cls != ERR_INPUT)
		cls = ERR_SYSTEM;
	err_set(err, (enum err_class)cls, "%s", sentence);
	err->sys = sys < 4096 ? (int)sys : 0;
	return -1;
}

/* 0, or -1 when the request has failed; *alive says whether the child can be
 * asked again. */
static int
take_message(struct transfer *t, bool *alive, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	int rc = ipc_recv(t->f->sock, 0, &m, err);

	*alive = false;
	if (rc == 0)
		return err_set(err, ERR_SYSTEM, "the fetcher has ended");
	if (rc == -1)
		return -1;
	if (m.type == FETCH_FAILED) {
		*alive = true;
		return on_failed(&m, err);
	}
	if (m.type == FETCH_PROGRESS)
		return on_progress(t, &m, err);
	if (m.type == FETCH_DONE && !t->done)
		return on_done(t, &m, err);
	return err_set(err, ERR_INPUT, "the fetcher said what nobody asked");
}

static int
wait_ready(struct transfer *t, struct pollfd *p, struct err *err)
{
	int64_t left = t->give_up - time_mono_ms();

	if (left <= 0) {
		err_set(err, ERR_BUSY, "not done by its deadline");
		err->sys = ETIMEDOUT;
		return -1;
	}
	if (poll(p, 2, left > INT_MAX ? INT_MAX : (int)left) == -1 &&
	    errno != EINTR)
		return err_sys(err, "wait for the fetcher");
	return 0;
}

static int
pump(struct transfer *t, int pipe, bool *alive, struct err *err)
{
	while (!t->done || !t->eof) {
		struct pollfd p[2] = {
			{ .fd = t->eof ? -1 : pipe, .events = POLLIN },
			{ .fd = t->done ? -1 : t->f->sock, .events = POLLIN },
		};

		*alive = false;
		if (wait_ready(t, p, err) == -1)
			return -1;
		if (p[0].revents && take_bytes(t, pipe, err) == -1)
			return -1;
		if (p[1].revents && take_message(t, alive, err) == -1)
			return -1;
	}
	*alive = true;
	return 0;
}

/* Is what came the body that was asked for? */
static int
judge(const struct transfer *t, struct err *err)
{
	int status = t->answer->status;

	if (t->got > 0 && status != 200 && status != 206)
		return err_set(err, ERR_BUSY,
		    "a body came with status %d, which has none", status);
	if (t->more->from == 0 && status == 206)
		return err_set(
		    err, ERR_BUSY, "the server sent a part of the file");
	if ((status == 200 || status == 206) && t->claimed != t->got)
		return err_set(err, ERR_BUSY,
		    "%" PRId64 " bytes came, %" PRId64 " were fetched", t->got,
		    t->claimed);
	return 0;
}

static int
transfer_run(struct transfer *t, const char *url, struct err *err)
{
	auto_fd int in = -1;
	int ends[2];
	bool alive = false;
	int rc;

	if (t->f->sock == -1 && start_child(t->f, err) == -1)
		return -1;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	in = ends[0];
	rc = ask(t, url, ends[1], err);
	close(ends[1]);
	if (rc == 0)
		rc = pump(t, in, &alive, err);
	if (rc == -1 && !alive)
		end_child(t->f);
	return rc == -1 ? -1 : judge(t, err);
}

int
fetcher_get(struct fetcher *f, const char *url, int64_t limit, int fd,
    const struct fetch_more *more, struct fetch_answer *answer, struct err *err)
{
	static const struct fetch_more none = { 0 };
	struct transfer t = { .f = f, .limit = limit, .fd = fd };
	int64_t wait;

	t.more = more ? more : &none;
	t.body = t.more->body;
	t.answer = answer;
	*answer = (struct fetch_answer){ 0 };
	wait =
	    t.more->deadline_ms > 0 ? t.more->deadline_ms : FETCH_DEADLINE_MS;
	t.give_up = time_mono_ms() + wait +
		    (t.more->grace_ms > 0 ? t.more->grace_ms : GRACE_MS);
	if (transfer_run(&t, url, err) == 0) {
		answer->bytes = t.got;
		return 0;
	}
	/* The child names the URL itself. */
	return strncmp(err->msg, "GET ", 4) == 0
		   ? -1
		   : err_prefix(err, "GET %.200s", url);
}

int
fetcher_post(struct fetcher *f, const char *url, const char *content_type,
    const void *body, size_t n, struct fetch_reply *out, struct err *err)
{
	static const struct fetch_more none = { 0 };
	struct fetch_answer answer = { 0 };
	struct transfer t = { .f = f, .more = &none, .answer = &answer };
	auto_buf struct buf b = BUF_INIT;
	bool alive = false;
	int rc;

	if (n > FETCH_POST_MAX || strlen(url) > FETCH_URL_MAX)
		return err_set(err, ERR_INPUT, "%.200s: too much to post", url);
	if (f->sock == -1 && start_child(f, err) == -1)
		return -1;
	ipc_add_str(&b, url);
	ipc_add_str(&b, content_type);
	ipc_add_bytes(&b, body, n);
	ipc_add_i64(&b, f->at);
	t.eof = true; /* nothing comes through a pipe */
	t.give_up = time_mono_ms() + POST_MS;
	rc = ipc_send(f->sock, FETCH_POST, &b, NULL, 0, err);
	if (rc == 0)
		rc = pump(&t, -1, &alive, err);
	if (rc == -1 && !alive)
		end_child(f);
	if (rc == -1)
		return err_prefix(err, "%.200s", url);
	out->status = answer.status;
	out->object = t.claimed == 1;
	return 0;
}
