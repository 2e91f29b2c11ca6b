/*
 * Requests to an object store that speaks S3, by libcurl, which signs them
 * itself (AWS SigV4).  Several run at a time over connections that stay open.
 * Addresses are ENDPOINT/BUCKET/KEY ("path style"), which every server knows.
 *
 * What libcurl 7.88 wants, and is kept to here: x-amz-content-sha256 with
 * every request; no header that is sent empty, since it would be signed; a
 * path that is percent-encoded already; name and secret apart from each other,
 * since either may hold a colon.
 */
#ifndef KILN_S3_H
#define KILN_S3_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

#define S3_ETAG 128
#define S3_CODE 64
#define S3_TOGETHER 8	    /* requests under way at a time */
#define S3_BODY_MAX 2000000 /* bytes of an answer; more is cut off */

struct s3_where { /* borrowed */
	const char
	    *endpoint; /* "https://s3.example.org", no slash at its end */
	const char *bucket;
	const char *region;
	const char *proxy; /* NULL: the environment's */
};

enum s3_verb { S3_PUT, S3_HEAD, S3_GET, S3_DELETE };

struct s3_ask {
	enum s3_verb verb;
	const char *key; /* as it is: encoded here.  Borrowed until the end */
	/* S3_PUT: `size` bytes of `fd` from its beginning, read with pread;
	 * the server refuses bytes with another hash. */
	int fd;
	int64_t size;
	struct hash sha256;
	const char *type, *cache; /* Content-Type, Cache-Control */
	bool if_none;	      /* only if there is nothing of that name … */
	const char *if_match; /* … or only if it is still this; NULL */
};

struct s3_answer {
	/* ERR_NONE: the server answered; ERR_BUSY: it may another time. */
	struct err err;
	int status;
	int64_t length;	    /* Content-Length of a HEAD; -1: none */
	char etag[S3_ETAG]; /* with its quotes; "" when none */
	char code[S3_CODE]; /* <Code> of an error's body, "" when none */
	struct buf body;    /* of a GET */
};

struct s3;

/* The file: one line KEY-ID:SECRET, split at its last colon; it may not be
 * readable for the group or others. */
struct s3 *s3_open(
    const struct s3_where *, const char *key_file, struct err *) KILN_MUST;
void s3_free(struct s3 *); /* what is under way is given up */

/* How many may still be started. */
size_t s3_room(const struct s3 *);
size_t s3_busy(const struct s3 *);
/* Starts a request; `arg` comes back with its answer. */
int s3_start(
    struct s3 *, const struct s3_ask *, void *arg, struct err *) KILN_MUST;
/* Waits up to `ms` for one that has ended.  1: *arg, *verb and *a (released by
 * the caller) are its; 0: none has. */
int s3_wait(struct s3 *, int ms, void **arg, enum s3_verb *verb,
    struct s3_answer *, struct err *) KILN_MUST;
void s3_answer_release(struct s3_answer *);
/* ERR_… and a sentence for an answer that is no success. */
int s3_refused(const struct s3_answer *, const char *key, struct err *);

/* Key to path: everything but letters, digits and -._~/ as %XX. */
void s3_encode(const char *key, struct buf *);

#endif
