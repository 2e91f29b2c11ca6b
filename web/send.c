#include "web/send.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/hot.h"
#include "web/live.h"

#define CSP                                                         \
	"default-src 'none'; style-src 'self'; script-src 'self'; " \
	"connect-src 'self'; img-src 'self'; "                      \
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

int
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
	if (dash == NULL || strchr(text, ',') ||
	    dash - text >= (ptrdiff_t)sizeof(a) ||
	    strlen(dash + 1) >= sizeof(b))
		return 0;
	memcpy(a, text, (size_t)(dash - text));
	snprintf(b, sizeof(b), "%s", dash + 1);
	if (a[0] == '\0') {
		if (num_int(b, 0, INT64_MAX, &first, &err) == -1)
			return 0;
		if (first == 0 || size == 0)
			return -1;
		*from = first >= size ? 0 : size - first;
		*n = size - *from;
		return 1;
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

static char *
quoted_etag(const struct reply *re)
{
	return mem_printf(re->bare_etag ? "%s" : "\"%s\"", re->etag);
}

static struct MHD_Response *
file_response(struct req *req, struct reply *re)
{
	const char *range =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "Range");
	const char *if_range =
	    MHD_lookup_connection_value(req->con, MHD_HEADER_KIND, "If-Range");
	auto_free char *quoted = quoted_etag(re);
	struct MHD_Response *m;
	int64_t from = 0, n = re->fd_size;
	char header[96] = "";
	int got = 0;

	if (if_range == NULL || strcmp(if_range, quoted) == 0)
		got = byte_range(range, re->fd_size, &from, &n);
	/* 206 and 416 answer a range request for what GET would give. */
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
		if (m == NULL)
			close(re->fd);
	}
	re->fd = -1;
	req->sends = got == -1 ? 0 : n;
	if (m && header[0])
		MHD_add_response_header(m, "Content-Range", header);
	if (m)
		MHD_add_response_header(m, "Accept-Ranges", "bytes");
	return m;
}

static bool
has(const struct req *req, const char *quoted)
{
	const char *have = MHD_lookup_connection_value(
	    req->con, MHD_HEADER_KIND, "If-None-Match");

	return have && (strcmp(have, "*") == 0 || strstr(have, quoted) != NULL);
}

static bool
not_modified(const struct req *req, const struct reply *re)
{
	auto_free char *quoted = quoted_etag(re);

	return re->etag[0] && has(req, quoted);
}

static enum MHD_Result
send_hot(struct req *req, const struct hot *hot)
{
	const struct hot_form *f = &hot->form[hot_choose(
	    hot, MHD_lookup_connection_value(
		     req->con, MHD_HEADER_KIND, "Accept-Encoding"))];
	char quoted[sizeof(f->etag) + 2];

	snprintf(quoted, sizeof(quoted), "\"%s\"", f->etag);
	req->sends = hot->size;
	return has(req, quoted) ? MHD_queue_response(req->con, 304, f->same)
				: MHD_queue_response(req->con, 200, f->whole);
}

void
send_headers(struct MHD_Response *m, const struct reply *re)
{
	if (re->type && re->status != 304)
		MHD_add_response_header(m, "Content-Type", re->type);
	if (re->etag[0]) {
		auto_free char *quoted = quoted_etag(re);

		MHD_add_response_header(m, "ETag", quoted);
	}
	if (re->cookie[0])
		MHD_add_response_header(m, "Set-Cookie", re->cookie);
	if (re->status == 401)
		MHD_add_response_header(
		    m, "WWW-Authenticate", "Bearer realm=\"kiln\"");
	if (re->location)
		MHD_add_response_header(m, "Location", re->location);
	if (re->allow)
		MHD_add_response_header(m, "Allow",
		    strcmp(re->allow, "GET") == 0 ? "GET, HEAD" : re->allow);
	if (re->status == 503 || re->status == 429)
		MHD_add_response_header(m, "Retry-After", "5");
	MHD_add_response_header(
	    m, "Cache-Control", re->cache ? re->cache : "no-store");
	MHD_add_response_header(m, "Content-Security-Policy", CSP);
	MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
	/* Without any, browsers would post our own forms as from nowhere. */
	MHD_add_response_header(m, "Referrer-Policy", "same-origin");
}

enum MHD_Result
send_reply(struct req *req, struct reply *re)
{
	struct MHD_Response *m;
	enum MHD_Result ret;
	char *body;
	size_t n;

	if (re->hot)
		return send_hot(req, re->hot);
	if (re->status == 200 && not_modified(req, re)) {
		own_close(&re->fd);
		re->fd = -1;
		re->status = 304;
		buf_clear(&re->body);
	}
	if (re->stream) {
		m = live_response(re->stream, req->con);
		re->stream = NULL;
		req->sends = -1;
	} else if (re->fd != -1) {
		m = file_response(req, re);
	} else {
		n = re->body.len;
		req->sends = (int64_t)n;
		body = buf_take(&re->body);
		m = MHD_create_response_from_buffer(
		    n, body, MHD_RESPMEM_MUST_FREE);
	}
	if (m == NULL)
		return MHD_NO;
	/* What is left of a body that was refused shall not be read. */
	if (re->status == 413)
		MHD_add_response_header(m, "Connection", "close");
	send_headers(m, re);
	ret = MHD_queue_response(req->con, re->status, m);
	MHD_destroy_response(m);
	return ret;
}
