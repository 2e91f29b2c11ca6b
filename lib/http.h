/*
 * Fetching, by libcurl, with every limit on: http and https only, at most 5
 * redirects, a floor rate over a window, a total deadline, a size limit.  A
 * fetcher writes into a descriptor it was given and names no file.
 */
#ifndef KILN_HTTP_H
#define KILN_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

struct http; /* keeps connections open between requests */

struct http_get {
	const char *url;      /* used as it is: never re-encoded */
	int64_t limit;	      /* bytes written at most; more is ERR_INPUT */
	int64_t from;	      /* resume: Range bytes=from-; 0: all.  What is
			       * written begins there also when the server
			       * ignores Range (status 200) */
	int64_t deadline_ms;  /* whole request; 0: 15 min */
	int fd;		      /* body is written here, from its offset on … */
	struct buf *body;     /* … or appended here when not NULL */
	const char *etag;     /* If-None-Match, or NULL */
	const char *modified; /* If-Modified-Since, or NULL */
	const char *secret;   /* Kiln-Secret, for this server alone, or NULL:
			       * with it no redirect is followed */
	/* Called at most every 200 ms; not 0 aborts. */
	int (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

struct http_answer {
	int status; /* 200, 206, 304, 404 … */
	int64_t bytes;
	char etag[128];	     /* "" when none */
	char modified[64];   /* Last-Modified; "" when none */
	int64_t retry_after; /* seconds, or 0 */
};

struct http *http_open(const char *user_agent, const char *proxy,
    struct err *) KILN_MUST; /* proxy NULL: environment */
void http_close(struct http *);
/* `set` is given the SSL_CTX of OpenSSL of each connection before it is made;
 * -1 refuses it.  With a libcurl that has another TLS library every https
 * request fails. */
void http_tls(struct http *, int (*set)(void *ssl_ctx, void *arg), void *arg);
/*
 * 0: the server answered (look at status; a body of an error status is not
 * written).  -1: it could not be asked: ERR_BUSY for anything that may pass
 * (connect, timeout, too slow), ERR_INPUT for a limit or a bad URL, ERR_TRUST
 * for a certificate.  After a failure part of the body may have been written.
 * A redirect from https to http is refused.
 */
int http_get(struct http *, const struct http_get *, struct http_answer *,
    struct err *) KILN_MUST;
/* POST of a small body, answer (whatever its status) into `reply` up to
 * 64 KiB.  Redirects are not followed. */
int http_post(struct http *, const char *url, const char *content_type,
    const void *, size_t, struct buf *reply, int *status,
    struct err *) KILN_MUST;

/* What a node of the farm sends: a PUT of a file's `size` bytes from its
 * beginning, or, with fd -1, a POST of JSON.  The rest as http_post(). */
struct http_send {
	const char *url, *secret; /* Kiln-Secret */
	int fd;
	int64_t size;
	int64_t deadline_ms; /* 0: 15 min */
	const void *body;
	size_t n;
};
int http_send(struct http *, const struct http_send *, struct buf *reply,
    int *status, struct err *) KILN_MUST;

#endif
