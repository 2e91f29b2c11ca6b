#include "builder/inputs/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cli.h"
#include "lib/http.h"
#include "lib/own.h"

#define URL_MAX 4096
#define ATTEMPTS 3
#define DEADLINE_MS (15 * 60 * 1000)

enum {
	/* url, proxy, limit, deadline, etag, modified; a descriptor */
	FETCH_GET = 10,
	FETCH_PROGRESS, /* done, total */
	FETCH_DONE,	/* status, bytes, etag, modified */
};

static int
get_tags(struct ipc_msg *m, struct fetch_tags *tags, struct err *err)
{
	if (IPC_GET_TEXT(m, tags->etag, err) == -1)
		return -1;
	return IPC_GET_TEXT(m, tags->modified, err);
}

static int
get_once(struct worker *w, const struct fetch *f, int *status, int64_t *bytes,
    struct err *err)
{
	int64_t deadline = f->deadline_ms ? f->deadline_ms : DEADLINE_MS;
	auto_buf struct buf b = BUF_INIT;
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct fetch_tags tags = { "", "" };

	worker_begin(w, &b);
	ipc_add_str(&b, f->url);
	ipc_add_str(&b, f->proxy ? f->proxy : "");
	ipc_add_i64(&b, f->limit);
	ipc_add_i64(&b, deadline);
	ipc_add_str(&b, f->tags ? f->tags->etag : "");
	ipc_add_str(&b, f->tags ? f->tags->modified : "");
	if (worker_send(w, FETCH_GET, &b, &f->fd, 1, err) == -1)
		return -1;
	for (;;) {
		int64_t first, second;

		if (worker_recv(w, (int)deadline + 10000, &m, err) == -1)
			return -1;
		if (ipc_get_i64(&m, &first, err) == -1 ||
		    ipc_get_i64(&m, &second, err) == -1 ||
		    (m.type == FETCH_DONE && get_tags(&m, &tags, err) == -1) ||
		    ipc_end(&m, err) == -1)
			return err_prefix(err, "fetch worker");
		if (m.type == FETCH_DONE) {
			if (f->tags && first == 200)
				*f->tags = tags;
			*status = (int)first;
			*bytes = second;
			return 0;
		}
		if (m.type != FETCH_PROGRESS)
			return err_set(err, ERR_INPUT,
			    "fetch worker: message %u is unknown", m.type);
		if (f->progress)
			f->progress(f->arg, first, second);
	}
}

int
fetch_get(struct worker *w, const struct fetch *f, int *status, int64_t *bytes,
    struct err *err)
{
	off_t start = lseek(f->fd, 0, SEEK_CUR);

	if (start == -1)
		return err_sys(err, "fetch %s: seek", f->url);
	if (strlen(f->url) >= URL_MAX)
		return err_set(err, ERR_INPUT, "fetch: a URL of %zu bytes",
		    strlen(f->url));
	for (int attempt = 1;; attempt++) {
		struct timespec pause = { attempt, 0 };
		int r = get_once(w, f, status, bytes, err);

		if (r == -1 && err->cls != ERR_BUSY)
			return err_prefix(err, "fetch %s", f->url);
		if (r == 0 && *status < 500)
			return 0;
		if (attempt == ATTEMPTS)
			return r == 0 ? 0 : err_prefix(err, "fetch %s", f->url);
		err_clear(err);
		if (ftruncate(f->fd, start) == -1 ||
		    lseek(f->fd, start, SEEK_SET) == -1)
			return err_sys(err, "fetch %s: start again", f->url);
		nanosleep(&pause, NULL);
	}
}

/* The worker's side. */

struct serving {
	struct http *http; /* kept: connections stay open */
	char *proxy;	   /* what `http` was opened with; NULL: nothing yet */
	uint32_t id;
};

static int
tell_progress(void *arg, int64_t done, int64_t total)
{
	struct serving *sv = arg;
	auto_buf struct buf b = BUF_INIT;
	struct err err = ERR_INIT;

	ipc_add_u32(&b, sv->id);
	ipc_add_i64(&b, done);
	ipc_add_i64(&b, total);
	return ipc_send(WORKER_SOCK, FETCH_PROGRESS, &b, NULL, 0, &err);
}

static int
serve_get(struct serving *sv, struct ipc_msg *m, struct err *err)
{
	auto_free char *url = NULL, *proxy = NULL;
	auto_buf struct buf b = BUF_INIT;
	struct http_get get = { .progress = tell_progress, .arg = sv };
	struct http_answer answer = { 0 };
	struct fetch_tags tags;

	if (ipc_get_str(m, URL_MAX, &url, err) == -1 ||
	    ipc_get_str(m, URL_MAX, &proxy, err) == -1 ||
	    ipc_get_i64(m, &get.limit, err) == -1 ||
	    ipc_get_i64(m, &get.deadline_ms, err) == -1 ||
	    get_tags(m, &tags, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (m->fds[0] == -1)
		return err_set(err, ERR_INPUT, "no descriptor to write to");
	if (!sv->http || strcmp(proxy, sv->proxy) != 0) {
		http_close(sv->http);
		sv->http =
		    http_open("kiln/" KILN_VERSION, *proxy ? proxy : NULL, err);
		if (!sv->http)
			return -1;
		free(sv->proxy);
		sv->proxy = take_ptr(&proxy);
	}
	get.url = url;
	get.fd = m->fds[0];
	get.etag = tags.etag;
	get.modified = tags.modified;
	if (http_get(sv->http, &get, &answer, err) == -1)
		return -1;
	ipc_add_u32(&b, sv->id);
	ipc_add_i64(&b, answer.status);
	ipc_add_i64(&b, answer.bytes);
	ipc_add_str(&b, answer.etag);
	ipc_add_str(&b, answer.modified);
	return ipc_send(WORKER_SOCK, FETCH_DONE, &b, NULL, 0, err);
}

int
fetch_serve(int sock)
{
	struct serving sv = { 0 };

	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct err err = ERR_INIT;
		int r = ipc_recv(sock, -1, &m, &err);

		if (r == 0)
			break;
		if (r == -1 || ipc_get_u32(&m, &sv.id, &err) == -1 ||
		    m.type != FETCH_GET)
			return EXIT_FAILED; /* no request of our parent */
		if (serve_get(&sv, &m, &err) == -1)
			worker_fail(sv.id, &err);
	}
	http_close(sv.http);
	free(sv.proxy);
	return EXIT_DONE;
}
