/* A folder, or a router file, that answers as kiln-agent-fetch does: see
 * fetch_proto.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/ipc.h"
#include "lib/log.h"
#include "lib/own.h"
#include "router-agent/fetch_proto.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/tar.h"

enum { FD_FOLDER = 4 };

#define CHUNK ((size_t)64 << 10)
#define FOUND 200
#define PARTLY 206
#define NOT_THERE 404

static int
tell(uint32_t status, int64_t bytes, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, status);
	ipc_add_i64(&b, bytes);
	ipc_add_str(&b, "");
	ipc_add_i64(&b, 0);
	return ipc_send(FETCH_SOCKET, FETCH_DONE, &b, NULL, 0, err);
}

static int
tell_failed(const struct err *why, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, why->cls);
	ipc_add_u32(&b, (uint32_t)why->sys);
	ipc_add_str(&b, why->msg);
	return ipc_send(FETCH_SOCKET, FETCH_FAILED, &b, NULL, 0, err);
}

struct piece {
	int fd;	    /* -1: not open */
	int64_t at; /* where it begins */
	int64_t size;
};

static int
open_member(const char *path, struct piece *p, struct err *err)
{
	if (tar_find(FD_FOLDER, path, &p->at, &p->size, err) == -1)
		return -1;
	p->fd = fcntl(FD_FOLDER, F_DUPFD_CLOEXEC, 3);
	return p->fd == -1 ? err_sys(err, "keep the file") : 0;
}

static int
open_below(const char *path, struct piece *p, struct err *err)
{
	auto_fd int fd =
	    file_open_at(FD_FOLDER, path, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return err_sys(err, "look at %.200s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    err, ERR_MISSING, "%.200s is no regular file", path);
	*p = (struct piece){ take_fd(&fd), 0, st.st_size };
	return 0;
}

/* -1 with ERR_MISSING: there is no such file. */
static int
open_piece(const char *url, struct piece *p, struct err *err)
{
	const char *path = url + strlen(FETCH_STICK);
	struct stat st;

	if (strncmp(url, FETCH_STICK, strlen(FETCH_STICK)) != 0)
		return err_set(err, ERR_INPUT, "not on the stick: %.200s", url);
	path += strspn(path, "/");
	/* What no published name holds is not there. */
	if (!path_ok(path))
		return err_set(err, ERR_MISSING, "%.200s", path);
	if (fstat(FD_FOLDER, &st) == -1)
		return err_sys(err, "look at the stick");
	return S_ISREG(st.st_mode) ? open_member(path, p, err)
				   : open_below(path, p, err);
}

/* A pulled stick fails in the middle, and what came may be gone on with.  The
 * file of a folder may have become shorter. */
static int
copy(const struct piece *p, int64_t from, int to, int64_t limit, int64_t *done,
    struct err *err)
{
	char chunk[CHUNK];

	while (from + *done < p->size) {
		int64_t left = p->size - from - *done;
		ssize_t n = pread(p->fd, chunk,
		    left < (int64_t)sizeof(chunk) ? (size_t)left
						  : sizeof(chunk),
		    p->at + from + *done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(err, "read the stick");
			err->cls = ERR_BUSY;
			return -1;
		}
		if (n == 0)
			return 0;
		if (n > limit - *done)
			return err_set(err, ERR_INPUT,
			    "more than the %lld bytes allowed",
			    (long long)limit);
		if (fd_write_all(to, chunk, (size_t)n, err) == -1)
			return -1;
		*done += n;
	}
	return 0;
}

static int
serve(struct ipc_msg *m, struct err *err)
{
	auto_free char *url = NULL, *etag = NULL;
	auto_fd int body = take_fd(&m->fds[0]), file = -1;
	struct piece p = { -1, 0, 0 };
	int64_t limit, from, deadline, at, done = 0;
	struct err why = ERR_INIT;

	if (m->type != FETCH_GET || body == -1)
		return err_set(err, ERR_INPUT, "not a request for a file");
	if (ipc_get_str(m, FETCH_URL_MAX, &url, err) == -1 ||
	    ipc_get_i64(m, &limit, err) == -1 ||
	    ipc_get_i64(m, &from, err) == -1 ||
	    ipc_get_i64(m, &deadline, err) == -1 ||
	    ipc_get_str(m, FETCH_ETAG_MAX, &etag, err) == -1 ||
	    ipc_get_i64(m, &at, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (open_piece(url, &p, &why) == -1)
		return why.cls == ERR_MISSING ? tell(NOT_THERE, 0, err)
					      : tell_failed(&why, err);
	file = p.fd;
	if (from < 0 || from > p.size)
		err_set(&why, ERR_INPUT,
		    "the file is shorter than the part already here");
	else
		(void)!copy(&p, from, body, limit, &done, &why);
	close(take_fd(&body));
	return why.cls == ERR_NONE ? tell(from ? PARTLY : FOUND, done, err)
				   : tell_failed(&why, err);
}

int
stick_main(void)
{
	struct err err = ERR_INIT;
	int rc = -1;

	if (drop_to(ROLE_AGENT_FETCH, &err) == -1 ||
	    drop_syscalls(true, true, &err) == -1) {
		log_err("stick", &err);
		return EXIT_FAILED;
	}
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;

		rc = ipc_recv(FETCH_SOCKET, -1, &m, &err);
		if (rc <= 0 || serve(&m, &err) == -1)
			break;
	}
	if (rc == 0)
		return EXIT_DONE;
	log_err("stick", &err);
	return EXIT_FAILED;
}
