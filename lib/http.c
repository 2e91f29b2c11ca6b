/*
 * Fetching.  The only file of lib/ that knows libcurl, so that a program
 * which does not fetch does not link it.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

#include "lib/fdio.h"
#include "lib/http.h"
#include "lib/mem.h"
#include "lib/num.h"

#define DEADLINE_MS (15 * 60 * 1000)
#define CONNECT_S 20
#define FLOOR_RATE 512 /* bytes a second, over … */
#define FLOOR_S 30     /* … seconds */
#define REDIRECTS 5
#define HEADERS_MAX (64 * 1024)
#define REFUSED_MAX (64 * 1024) /* read of a body nobody wants */
#define REPLY_MAX (64 * 1024)
#define PROGRESS_MS 200

struct http {
	CURL *easy;
	char *agent;
	char *proxy;
	int (*tls)(void *ssl_ctx, void *arg);
	void *tls_arg;
};

/* One request under way. */
struct transfer {
	CURL *easy;
	const struct http_get *get;
	struct http_answer answer;
	size_t headers;	  /* bytes of them so far */
	int64_t skip;	  /* bytes to drop: the server ignored Range */
	int64_t unwanted; /* bytes of an error's body */
	int64_t range_at; /* from Content-Range, -1: none */
	int64_t told_ms;
	bool begun;	 /* the body has */
	bool enough;	 /* status known, the rest of the body unwanted */
	bool failed;	 /* *err is set */
	bool any_status; /* keep the body of an error too */
	struct err *err;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_code;

static void
init_once(void)
{
	once_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *
http_open(const char *user_agent, const char *proxy, struct err *err)
{
	struct http *h;

	pthread_once(&once, init_once);
	if (once_code != CURLE_OK) {
		err_set(err, ERR_SYSTEM, "libcurl: %s",
		    curl_easy_strerror(once_code));
		return NULL;
	}
	h = mem_zero(1, sizeof(*h));
	h->easy = curl_easy_init();
	h->agent = mem_str(user_agent);
	h->proxy = mem_str(proxy);
	if (!h->easy) {
		http_close(h);
		err_set(err, ERR_SYSTEM, "libcurl cannot be set up");
		return NULL;
	}
	return h;
}

void
http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	free(h->agent);
	free(h->proxy);
	free(h);
}

void
http_tls(struct http *h, int (*set)(void *ssl_ctx, void *arg), void *arg)
{
	h->tls = set;
	h->tls_arg = arg;
}

static CURLcode
on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
	const struct http *h = arg;

	(void)easy;
	return h->tls(ssl_ctx, h->tls_arg) == 0 ? CURLE_OK
						: CURLE_SSL_CONNECT_ERROR;
}

/* The value of the header `name` in a line, or n = 0. */
static struct span
header_value(const char *line, size_t n, const char *name)
{
	size_t len = strlen(name);
	struct span v = { "", 0 };

	if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
		return v;
	v.p = line + len + 1;
	v.n = n - len - 1;
	while (v.n > 0 && (v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r'))
		v.n--;
	return span_trim(v);
}

/* What can be sent back as it came; anything else is not kept. */
static void
keep_plain(struct span v, char *out, size_t room)
{
	if (v.n == 0 || v.n >= room)
		return;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return;
	memcpy(out, v.p, v.n);
	out[v.n] = '\0';
}

static size_t
on_header(char *line, size_t one, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct span v;

	n *= one;
	t->headers += n;
	if (t->headers > HEADERS_MAX) {
		t->failed = true;
		err_set(t->err, ERR_INPUT, "more than %d bytes of headers",
		    HEADERS_MAX);
		return 0;
	}
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* Another answer: what a redirect said is forgotten. */
		t->answer.etag[0] = t->answer.modified[0] = '\0';
		t->range_at = -1;
		return n;
	}
	keep_plain(header_value(line, n, "etag"), t->answer.etag,
	    sizeof(t->answer.etag));
	keep_plain(header_value(line, n, "last-modified"), t->answer.modified,
	    sizeof(t->answer.modified));
	v = header_value(line, n, "content-range");
	if (v.n > 6 && strncasecmp(v.p, "bytes ", 6) == 0) {
		struct span rest = { v.p + 6, v.n - 6 }, first;

		if (span_next(&rest, '-', &first) &&
		    !num_span(first, 0, INT64_MAX, &t->range_at))
			t->range_at = -1;
	}
	return n;
}

/* Called with the first bytes: what are they? */
static int
body_begins(struct transfer *t)
{
	long status = 0;

	t->begun = true;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->answer.status = (int)status;
	if (status == 206 && t->range_at != t->get->from) {
		t->failed = true;
		return err_set(t->err, ERR_INPUT,
		    "the server sent another range than asked");
	}
	if (status != 206 && status < 300)
		t->skip = t->get->from;
	return 0;
}

static size_t
on_body(char *p, size_t one, size_t given, void *arg)
{
	struct transfer *t = arg;
	size_t n = given * one;

	given = n;
	if (!t->begun && body_begins(t) == -1)
		return 0;
	if (!t->any_status && t->answer.status >= 300) {
		t->unwanted += (int64_t)n;
		t->enough = t->unwanted > REFUSED_MAX;
		return t->enough ? 0 : given;
	}
	if (t->skip > 0) {
		size_t drop = (int64_t)n < t->skip ? n : (size_t)t->skip;

		t->skip -= (int64_t)drop;
		p += drop;
		n -= drop;
	}
	if ((int64_t)n > t->get->limit - t->answer.bytes) {
		t->failed = true;
		err_set(t->err, ERR_INPUT, "more than the %lld bytes allowed",
		    (long long)t->get->limit);
		return 0;
	}
	if (t->get->body) {
		buf_add(t->get->body, p, n);
	} else if (fd_write_all(t->get->fd, p, n, t->err) == -1) {
		t->failed = true;
		return 0;
	}
	t->answer.bytes += (int64_t)n;
	return given;
}

static int
on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
    curl_off_t up_now)
{
	struct transfer *t = arg;
	int64_t ms = time_mono_ms();

	(void)now, (void)up_total, (void)up_now;
	if (!t->get->progress || ms - t->told_ms < PROGRESS_MS)
		return 0;
	t->told_ms = ms;
	if (t->get->progress(t->get->arg, t->answer.bytes, total) == 0)
		return 0;
	t->failed = true;
	err_set(t->err, ERR_BUSY, "stopped");
	t->err->sys = ECANCELED;
	return 1;
}

static int
curl_failed(CURLcode code, const char *text, struct err *err)
{
	enum err_class cls = ERR_BUSY;

	switch (code) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_LOGIN_DENIED:
	case CURLE_WEIRD_SERVER_REPLY:
		cls = ERR_INPUT;
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		cls = ERR_TRUST;
		break;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		cls = ERR_SYSTEM;
		break;
	default:
		break;
	}
	err_set(err, cls, "%s", text[0] ? text : curl_easy_strerror(code));
	if (code == CURLE_OPERATION_TIMEDOUT)
		err->sys = ETIMEDOUT;
	return -1;
}

#define SET(option, value)                                               \
	do {                                                             \
		if (code == CURLE_OK)                                    \
			code = curl_easy_setopt(h->easy, option, value); \
	} while (0)

/* What holds for every request. */
static CURLcode
set_up(struct http *h, struct transfer *t, char *text)
{
	const struct http_get *g = t->get;
	/* Nobody leads us from https back to http. */
	const char *next =
	    strncasecmp(g->url, "https:", 6) == 0 ? "https" : "http,https";
	CURLcode code = CURLE_OK;

	curl_easy_reset(h->easy);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (code == CURLE_UNKNOWN_OPTION)
		code = CURLE_OK; /* a library that cannot read one */
	SET(CURLOPT_ERRORBUFFER, text);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, next);
	SET(CURLOPT_URL, g->url);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)FLOOR_RATE);
	SET(CURLOPT_LOW_SPEED_TIME, (long)FLOOR_S);
	SET(CURLOPT_TIMEOUT_MS,
	    (long)(g->deadline_ms > 0 ? g->deadline_ms : DEADLINE_MS));
	SET(CURLOPT_USERAGENT, h->agent);
	if (h->proxy)
		SET(CURLOPT_PROXY, h->proxy);
	if (h->tls) {
		SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
		SET(CURLOPT_SSL_CTX_DATA, h);
	}
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	SET(CURLOPT_XFERINFODATA, t);
	return code;
}

/* Runs what is set up; `code` is how that went. */
static int
perform(struct transfer *t, CURLcode code, const char *text, struct err *err)
{
	long status = 0;
	curl_off_t wait = 0;

	if (code == CURLE_OK)
		code = curl_easy_perform(t->easy);
	if (t->failed)
		return -1;
	if (code != CURLE_OK && !t->enough)
		return curl_failed(code, text, err);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &wait);
	t->answer.status = (int)status;
	t->answer.retry_after = (int64_t)wait;
	return 0;
}

static int
add_header(struct curl_slist **list, const char *name, const char *value,
    struct err *err)
{
	auto_buf struct buf line = BUF_INIT;
	struct curl_slist *more;

	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(err, ERR_INPUT,
			    "control character in the header %s", name);
	buf_printf(&line, "%s: %s", name, value);
	more = curl_slist_append(*list, line.data);
	if (!more)
		return err_set(err, ERR_SYSTEM, "no memory for a header");
	*list = more;
	return 0;
}

/* A 206 without a body never met on_body. */
static int
check_range(const struct transfer *t, struct err *err)
{
	if (t->answer.status == 206 && t->range_at != t->get->from)
		return err_set(
		    err, ERR_INPUT, "the server sent another range than asked");
	if (t->answer.status < 300 && t->skip > 0)
		return err_set(err, ERR_INPUT,
		    "the file is shorter than the part already here");
	return 0;
}

int
http_get(struct http *h, const struct http_get *g, struct http_answer *answer,
    struct err *err)
{
	struct transfer t = { .easy = h->easy, .get = g, .err = err };
	struct curl_slist *headers = NULL;
	char text[CURL_ERROR_SIZE] = "", range[32];
	CURLcode code = set_up(h, &t, text);
	int r = 0;

	assert(g->limit >= 0 && g->from >= 0);
	t.range_at = -1;
	SET(CURLOPT_FOLLOWLOCATION, g->secret ? 0L : 1L);
	SET(CURLOPT_MAXREDIRS, (long)REDIRECTS);
	if (g->from > 0) {
		snprintf(range, sizeof(range), "%lld-", (long long)g->from);
		SET(CURLOPT_RANGE, range);
	}
	if (g->etag && g->etag[0])
		r = add_header(&headers, "If-None-Match", g->etag, err);
	if (r == 0 && g->modified && g->modified[0])
		r = add_header(&headers, "If-Modified-Since", g->modified, err);
	if (r == 0 && g->secret)
		r = add_header(&headers, "Kiln-Secret", g->secret, err);
	SET(CURLOPT_HTTPHEADER, headers);
	if (r == 0)
		r = perform(&t, code, text, err);
	if (r == 0)
		r = check_range(&t, err);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (r == -1)
		return err_prefix(err, "GET %s", g->url);
	*answer = t.answer;
	return 0;
}

int
http_post(struct http *h, const char *url, const char *content_type,
    const void *body, size_t n, struct buf *reply, int *status, struct err *err)
{
	struct http_get g = { .url = url, .limit = REPLY_MAX, .body = reply };
	struct transfer t = { .easy = h->easy, .get = &g, .err = err };
	struct curl_slist *headers = NULL;
	char text[CURL_ERROR_SIZE] = "";
	CURLcode code = set_up(h, &t, text);
	int r;

	t.any_status = true;
	t.range_at = -1;
	/* No redirects: what is sent is meant for this server. */
	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, body);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
	r = add_header(&headers, "Content-Type", content_type, err);
	if (r == 0) {
		struct curl_slist *more = curl_slist_append(headers, "Expect:");

		if (more)
			headers = more;
		SET(CURLOPT_HTTPHEADER, headers);
		r = perform(&t, code, text, err);
	}
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (r == -1)
		return err_prefix(err, "POST %s", url);
	*status = t.answer.status;
	return 0;
}

static size_t
on_read(char *to, size_t one, size_t n, void *arg)
{
	ssize_t got;

	do {
		got = read(*(const int *)arg, to, one * n);
	} while (got == -1 && errno == EINTR);
	return got == -1 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* How what is sent gets there. */
static CURLcode
set_sending(struct http *h, const struct http_send *s)
{
	CURLcode code = CURLE_OK;

	if (s->fd == -1) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, s->body);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->n);
		return code;
	}
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, &s->fd);
	SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->size);
	return code;
}

int
http_send(struct http *h, const struct http_send *s, struct buf *reply,
    int *status, struct err *err)
{
	struct http_get g = { .url = s->url,
		.limit = REPLY_MAX,
		.body = reply,
		.deadline_ms = s->deadline_ms };
	struct transfer t = { .easy = h->easy, .get = &g, .err = err };
	struct curl_slist *headers = NULL;
	char text[CURL_ERROR_SIZE] = "";
	CURLcode code = set_up(h, &t, text);
	int r;

	t.any_status = true;
	t.range_at = -1;
	if (s->fd != -1 && lseek(s->fd, 0, SEEK_SET) == -1)
		return err_sys(err, "PUT %s", s->url);
	if (code == CURLE_OK)
		code = set_sending(h, s);
	r = add_header(&headers, "Kiln-Secret", s->secret, err);
	if (r == 0)
		r = add_header(&headers, "Content-Type",
		    s->fd == -1 ? "application/json"
				: "application/octet-stream",
		    err);
	SET(CURLOPT_HTTPHEADER, headers);
	if (r == 0)
		r = perform(&t, code, text, err);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (r == -1)
		return err_prefix(
		    err, "%s %s", s->fd == -1 ? "POST" : "PUT", s->url);
	*status = t.answer.status;
	return 0;
}
