/*
 * The parent's side of kiln-agent-fetch: asks it for files and takes their
 * bytes from a pipe.  Limits and deadlines are kept here as well, since the
 * child may be in enemy hands, and the child never has a descriptor of what
 * it delivered, so that nothing can change after it was checked.
 *
 * A child that died or was stopped is started again by the next request.
 */
#ifndef KILN_AGENT_FETCH_H
#define KILN_AGENT_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

struct fetcher;

/* `program`: path of kiln-agent-fetch; NULL: beside the running program.
 * `proxy`: URL, or NULL for none. */
struct fetcher *fetcher_start(
    const char *program, const char *proxy, struct err *) KILN_MUST;
/*
 * The same from a folder, such as a USB stick, laid out as a server's tree, or
 * from a router file (trust/tar.h) that holds one: URLs begin with FETCH_STICK.
 * Read by `kiln-agent -x stick` under the fetcher's uid, without a network:
 * regular files, no link followed.  `folder` is dup'ed.  stick_open opens the
 * one or the other.
 */
#define FETCH_STICK "stick:"
struct fetcher *fetcher_stick(int folder, struct err *) KILN_MUST;
int stick_open(const char *path, struct err *) KILN_MUST;
int stick_main(void);
/* The longest Retry-After of a 429 or 503 so far, in seconds; 0: none. */
int64_t fetcher_retry_after(const struct fetcher *);
/* Certificates are judged at this time (fetch_tls.h); 0, as at first: by the
 * machine's clock. */
void fetcher_at(struct fetcher *, int64_t);
/* Ends the child until the next request: its memory is needed. */
void fetcher_rest(struct fetcher *);
void fetcher_stop(struct fetcher *); /* kills a transfer; frees; NULL is fine */

struct fetch_more {
	int64_t from;	     /* resume: bytes the caller has already */
	int64_t deadline_ms; /* whole request; 0: 15 min */
	int64_t grace_ms;    /* the child may be late by; 0: 10 s */
	const char *etag;    /* If-None-Match, or NULL */
	struct buf *body;    /* appended here instead of to `fd` */
	/* Several times a second while bytes come; not 0 gives up (ERR_BUSY).
	 * `total` is 0 while unknown. */
	int (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

struct fetch_answer {
	int status;	     /* 200, 206, 304, 404 … */
	int64_t bytes;	     /* of body, as counted here */
	char etag[128];	     /* "" when none */
	int64_t retry_after; /* seconds, or 0 */
};

/*
 * At most `limit` bytes of body are written to `fd` from its offset on; `more`
 * may be NULL.  0: the server answered, look at status (nothing is written
 * but for 200 and 206).  -1: ERR_BUSY for what may pass (connection, timeout,
 * too slow, answer cut off), ERR_INPUT for a limit or a bad URL, ERR_SYSTEM
 * for this machine.  With `from` only the rest is written, also when the
 * server ignores ranges; what came stays written when the transfer breaks.
 */
int fetcher_get(struct fetcher *, const char *url, int64_t limit, int fd,
    const struct fetch_more *more, struct fetch_answer *,
    struct err *) KILN_MUST;

struct fetch_reply {
	int status;
	/* It began like a JSON object, as what kiln's servers say does, and no
	 * page of a network that wants a login. */
	bool object;
};

/* POSTs a body of up to 64 KiB; what else the server says is thrown away.
 * 0: it answered; -1: as fetcher_get. */
int fetcher_post(struct fetcher *, const char *url, const char *content_type,
    const void *, size_t, struct fetch_reply *, struct err *) KILN_MUST;

#endif
