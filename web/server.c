#include "web/server.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/api/api.h"
#include "web/asset.h"
#include "web/frame.h"
#include "web/pages/pages.h"
#include "web/route.h"
#include "web/tree.h"

#define CSP                                                      \
	"default-src 'none'; style-src 'self'; img-src 'self'; " \
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

static const struct route routes[] = {
	{ "GET", "/", page_now },
	{ "GET", "/recipes", page_recipes },
	{ "GET", "/recipe/*", page_recipe },
	{ "GET", "/builds", page_builds },
	{ "GET", "/build/*", page_build },
	{ "GET", "/build/*/log", page_log },
	{ "GET", "/releases", page_releases },
	{ "GET", "/routers", page_routers },
	{ "GET", "/static/*", asset_reply },
	{ "GET", "/tuf/metadata/**", tree_metadata },
	{ "GET", "/tuf/targets/**", tree_target },
	{ "GET", "/blob/*", tree_blob },
	{ "POST", "/api/v1/report", api_report },
	{ 0 },
};

/* --- sockets
 * ----------------------------------------------------------------*/

int
server_bind(const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *ai = NULL;
	auto_free char *host = NULL;
	auto_fd int fd = -1;
	int rc, on = 1;

	if (colon == NULL)
		return err_set(err, ERR_INPUT,
		    "--listen %s: ADDRESS:PORT is needed", address);
	if (address[0] == '[' && colon > address + 1 && colon[-1] == ']')
		host = mem_strn(address + 1, (size_t)(colon - address) - 2);
	else
		host = mem_strn(address, (size_t)(colon - address));
	rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &ai);
	if (rc != 0)
		return err_set(err, ERR_INPUT, "--listen %s: %s", address,
		    gai_strerror(rc));
	fd = socket(
	    ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd == -1 || bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, 128) == -1) {
		freeaddrinfo(ai);
		return err_sys(err, "listen on %s", address);
	}
	freeaddrinfo(ai);
	return take_fd(&fd);
}

/* --- a request
 * --------------------------------------------------------------*/

const char *
req_arg(const struct req *r, const char *name)
{
	return MHD_lookup_connection_value(r->con, MHD_GET_ARGUMENT_KIND, name);
}

static struct db *
reader(struct web *w, const char *name)
{
	auto_free char *path = mem_printf("%s/%s", w->path, name);
	struct err err = ERR_INIT;
	struct db *db = db_open_reader(path, &err);

	if (db == NULL)
		log_debug("reader", "db=%s msg=\"%s\"", name, err.msg);
	return db;
}

/* An owner that has not migrated yet has no tables: ask again later. */
static bool
has_table(struct db *db, const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	struct err err = ERR_INIT;

	return stmt_step(q, &err) == 1;
}

int
req_farm(struct req *r, struct err *err)
{
	static const char farm[] = "SELECT 1 FROM sqlite_schema WHERE name ="
				   " 'progress'";
	static const char tuf[] = "SELECT 1 FROM sqlite_schema WHERE name ="
				  " 'published_set'";
	struct web *w = r->web;

	if (w->farm == NULL && (w->farm = reader(w, "farm.db")) != NULL &&
	    !has_table(w->farm, farm)) {
		db_close(w->farm);
		w->farm = NULL;
	}
	if (w->tuf == NULL && (w->tuf = reader(w, "tuf.db")) != NULL &&
	    !has_table(w->tuf, tuf)) {
		db_close(w->tuf);
		w->tuf = NULL;
	}
	if (w->farm == NULL)
		return err_set(err, ERR_BUSY,
		    "kiln-builder has not made its database yet");
	return 0;
}

void
reply_json(struct reply *re, const json_t *j)
{
	js_text(j, true, &re->body);
	buf_char(&re->body, '\n');
	re->type = "application/json";
}

void
reply_error(struct req *req, struct reply *re, unsigned status, const char *cls,
    const char *message)
{
	const char *accept =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Accept");

	buf_clear(&re->body);
	re->status = status;
	re->etag[0] = '\0';
	re->cache = NULL;
	if (req->json || strcmp(req->method, "POST") == 0 || accept == NULL ||
	    strstr(accept, "text/html") == NULL) {
		auto_json json_t *j = json_object();
		json_t *e = json_object();

		js_set_str(e, "class", cls);
		js_set_str(e, "message", message);
		js_set(j, "error", e);
		reply_json(re, j);
		return;
	}
	page_message(&re->body, status == 404 ? "Not here" : "Error", message);
	re->type = "text/html; charset=utf-8";
}

static void
handle(struct req *req, struct reply *re)
{
	const struct route *r;
	bool known;
	size_t n = strlen(req->path);
	auto_free char *bare = NULL;

	if (req->too_long) {
		reply_error(req, re, 413, "too-large",
		    "a request body is at most 64 KiB");
		return;
	}
	r = route_find(routes, req, &known);
	if (r == NULL && n > 5 && strcmp(req->path + n - 5, ".json") == 0) {
		/* The same page as JSON; "/index.json" is "/". */
		bare = mem_strn(req->path, n - 5);
		req->path = strcmp(bare, "/index") == 0 ? "/" : bare;
		req->json = true;
		r = route_find(routes, req, &known);
	}
	/* "/recipe/x.json": the star took the suffix along. */
	if (r && !req->json && n > 5 &&
	    strcmp(req->path + n - 5, ".json") == 0 &&
	    (r->fn == page_recipe || r->fn == page_build)) {
		req->part[0][strlen(req->part[0]) - 5] = '\0';
		req->json = true;
	}
	if (r)
		r->fn(req, re);
	else if (known)
		reply_error(req, re, 405, "method",
		    "this address does not take that method");
	else
		reply_error(req, re, 404, "missing", "no such address");
	req->path = "";
}

/* --- the reply
 * --------------------------------------------------------------*/

/* "bytes=A-", "bytes=A-B" or "bytes=-N" within size: 1; none or unusable as
 * syntax: 0 (the whole file is sent, RFC 9110 §14.2); past the end: -1. */
static int
byte_range(const char *text, int64_t size, int64_t *from, int64_t *n)
{
	char a[20] = "", b[20] = "";
	struct err err = ERR_INIT;
	const char *dash;
	int64_t first, last = size - 1;

	if (text == NULL || strncmp(text, "bytes=", 6) != 0)
		return 0;
	text += 6;
	dash = strchr(text, '-');
	if (dash == NULL || strchr(text, ',') || dash - text >= 20 ||
	    strlen(dash + 1) >= sizeof(b))
		return 0;
	memcpy(a, text, (size_t)(dash - text));
	snprintf(b, sizeof(b), "%s", dash + 1);
	if (a[0] == '\0') {
		if (num_int(b, 1, INT64_MAX, &first, &err) == -1)
			return 0;
		*from = first >= size ? 0 : size - first;
		*n = size - *from;
		return size > 0 ? 1 : -1;
	}
	if (num_int(a, 0, INT64_MAX, &first, &err) == -1 ||
	    (b[0] && num_int(b, first, INT64_MAX, &last, &err) == -1))
		return 0;
	if (first >= size)
		return -1;
	if (last > size - 1)
		last = size - 1;
	*from = first;
	*n = last - first + 1;
	return 1;
}

static struct MHD_Response *
file_response(struct req *req, struct reply *re)
{
	const char *range =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Range");
	const char *if_range =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "If-Range");
	auto_free char *quoted = mem_printf("\"%s\"", re->etag);
	struct MHD_Response *m;
	int64_t from = 0, n = re->fd_size;
	char header[96] = "";
	int got = 0;

	if (if_range == NULL || strcmp(if_range, quoted) == 0)
		got = byte_range(range, re->fd_size, &from, &n);
	if (got == -1) {
		close(re->fd);
		re->status = 416;
		snprintf(header, sizeof(header), "bytes */%lld",
		    (long long)re->fd_size);
		m = MHD_create_response_from_buffer(
		    0, buf_empty, MHD_RESPMEM_PERSISTENT);
	} else {
		if (got == 1) {
			re->status = 206;
			snprintf(header, sizeof(header), "bytes %lld-%lld/%lld",
			    (long long)from, (long long)(from + n - 1),
			    (long long)re->fd_size);
		}
		m = MHD_create_response_from_fd_at_offset64(
		    (uint64_t)n, re->fd, (uint64_t)from); /* owns the fd now */
	}
	re->fd = -1;
	if (m && header[0])
		MHD_add_response_header(m, "Content-Range", header);
	if (m)
		MHD_add_response_header(m, "Accept-Ranges", "bytes");
	return m;
}

static bool
not_modified(const struct req *req, const struct reply *re)
{
	const char *have = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "If-None-Match");
	auto_free char *quoted = mem_printf("\"%s\"", re->etag);

	return re->etag[0] && have &&
	       (strcmp(have, "*") == 0 || strstr(have, quoted) != NULL);
}

static enum MHD_Result
send_reply(struct req *req, struct reply *re)
{
	struct MHD_Response *m;
	enum MHD_Result ret;
	char *body;
	size_t n;

	if (re->status == 200 && not_modified(req, re)) {
		own_close(&re->fd);
		re->fd = -1;
		re->status = 304;
		buf_clear(&re->body);
	}
	if (re->fd != -1) {
		m = file_response(req, re);
	} else {
		n = re->body.len;
		body = buf_take(&re->body);
		m = MHD_create_response_from_buffer(
		    n, body, MHD_RESPMEM_MUST_FREE);
	}
	if (m == NULL)
		return MHD_NO;
	if (re->type)
		MHD_add_response_header(m, "Content-Type", re->type);
	if (re->etag[0]) {
		auto_free char *quoted = mem_printf("\"%s\"", re->etag);

		MHD_add_response_header(m, "ETag", quoted);
	}
	MHD_add_response_header(
	    m, "Cache-Control", re->cache ? re->cache : "no-store");
	MHD_add_response_header(m, "Content-Security-Policy", CSP);
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(m, "Referrer-Policy", "no-referrer");
	ret = MHD_queue_response(req->con, re->status, m);
	MHD_destroy_response(m);
	return ret;
}

/* --- libmicrohttpd
 * ----------------------------------------------------------*/

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *con, const char *url,
    const char *method, const char *version, const char *data, size_t *size,
    void **state)
{
	struct req *req = *state;
	struct reply re = { .status = 200, .body = BUF_INIT, .fd = -1 };
	enum MHD_Result ret;

	(void)version;
	if (req == NULL) {
		req = mem_zero(1, sizeof(*req));
		buf_init(&req->body);
		req->web = cls;
		*state = req;
		return MHD_YES;
	}
	req->con = con;
	req->path = url;
	/* libmicrohttpd leaves the body away for HEAD. */
	req->method = strcmp(method, "HEAD") == 0 ? "GET" : method;
	if (*size > 0) {
		if (req->body.len + *size > REQ_BODY_MAX)
			req->too_long = true;
		else
			buf_add(&req->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	handle(req, &re);
	ret = send_reply(req, &re);
	buf_release(&re.body);
	return ret;
}

static void
on_done(void *cls, struct MHD_Connection *con, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct req *req = *state;

	(void)cls;
	(void)con;
	(void)code;
	if (req)
		buf_release(&req->body);
	free(req);
	*state = NULL;
}

int
server_add(struct server *s, int listener, struct web *web, struct err *err)
{
	const union MHD_DaemonInfo *info;
	struct MHD_Daemon *d;

	if (s->n == SERVER_SOCKETS)
		return err_set(
		    err, ERR_INPUT, "at most %d sockets", SERVER_SOCKETS);
	/* No thread of its own: one connection to each database (lib/db.h). */
	d = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	    on_access, web, MHD_OPTION_LISTEN_SOCKET, listener,
	    MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)256,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)64,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)30, MHD_OPTION_END);
	if (d == NULL)
		return err_set(err, ERR_SYSTEM, "cannot start the server");
	info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL) {
		MHD_stop_daemon(d);
		return err_set(err, ERR_SYSTEM, "no epoll descriptor");
	}
	s->d[s->n] = d;
	s->epoll[s->n++] = info->epoll_fd;
	return 0;
}

int
server_run(struct server *s, int stop, struct err *err)
{
	for (;;) {
		struct pollfd p[SERVER_SOCKETS + 1];
		MHD_UNSIGNED_LONG_LONG wait;
		int timeout = 5000;
		size_t i;

		for (i = 0; i < s->n; i++) {
			p[i] = (struct pollfd){ s->epoll[i], POLLIN, 0 };
			if (MHD_get_timeout(s->d[i], &wait) == MHD_YES &&
			    wait < (MHD_UNSIGNED_LONG_LONG)timeout)
				timeout = (int)wait;
		}
		p[s->n] = (struct pollfd){ stop, POLLIN, 0 };
		if (poll(p, s->n + 1, timeout) == -1 && errno != EINTR)
			return err_sys(err, "poll");
		if (p[s->n].revents)
			return 0;
		for (i = 0; i < s->n; i++)
			MHD_run(s->d[i]);
	}
}

void
server_release(struct server *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		MHD_stop_daemon(s->d[i]);
	s->n = 0;
}
