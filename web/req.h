/*
 * One request and its reply, apart from libmicrohttpd.  A handler reads the
 * request, queries, and fills the reply; it never blocks on anything but the
 * databases.
 */
#ifndef KILN_REQ_H
#define KILN_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <microhttpd.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"
#include "web/account.h"
#include "web/forget.h"

#define REQ_BODY_MAX 65536
#define REQ_PARTS 4
/* All others wait while a request waits for somebody who writes web.db. */
#define REQ_PATIENCE_MS 500

struct web {				    /* what the whole program holds */
	int state;			    /* folder of the farm */
	int metadata, targets, store, live; /* live: logs of running builds */
	char *path;
	struct db *web;	       /* ours */
	struct db *farm, *tuf; /* readers; NULL until their owners made them */
	json_t *records;       /* of the store, by digest; NULL: none yet */
	uint64_t written;      /* by us: grows with each transaction */
	bool approval;	       /* a second person approves what starts */
	bool enrolled_only;    /* others may not report */
	bool accounts_only;    /* reading takes an account or a token */
	struct live *live_streams; /* who listens; NULL: nobody */
	int64_t stream_ms;	   /* how long; 0: LIVE_LIFE_MS */
	struct upload *uploads;	   /* under way: web/upload.h */
	struct hot *hot;	   /* files ready to be sent: web/hot.h */
	struct forget forget;	   /* reports that grow old */
};

struct req {
	struct web *web;
	struct MHD_Connection *con;
	const char *method; /* GET and HEAD are one to a handler: "GET" */
	const char *path;
	bool json; /* ".json" was asked for */
	/* What the route's stars matched. */
	char part[REQ_PARTS][256];
	struct buf body;       /* POST */
	struct upload *upload; /* the body goes there instead; or NULL */
	size_t got;	       /* bytes of the body, kept or not */
	bool too_long;
	int64_t sends;	/* bytes of the reply, for patience; -1: a stream */
	struct who who; /* filled for routes that ask who */
};

struct reply {
	unsigned status;
	const char *type;
	struct buf body;
	int fd; /* the body instead, when not -1 */
	int64_t fd_size;
	char etag[80];	      /* without quotes */
	bool bare_etag;	      /* and sent so, for clients that expect it */
	const char *cache;    /* Cache-Control */
	const char *allow;    /* 405: the method that would have done */
	const char *location; /* 3xx: borrowed, or in `place` */
	char place[600];
	char cookie[192];      /* Set-Cookie */
	struct stream *stream; /* the body comes as it happens; taken */
	const struct hot *hot; /* instead of all this, when it is 200 */
};

/* A query argument of the URL, or NULL. */
const char *req_arg(const struct req *, const char *name);
/* Did it come by HTTPS of our own?  A proxy in front does not say. */
bool req_https(const struct req *);
/* Opens the readers whose owners have come up since. */
void req_readers(struct req *);
void web_readers(struct web *);

/* {"error":{"class":…,"message":…}} or the same as a page. */
void reply_error(struct req *, struct reply *, unsigned status, const char *cls,
    const char *message);
/* 400, 403, 404 or 503: what a class of error is to who asked. */
unsigned reply_status(const struct err *);
void reply_json(struct reply *, const json_t *);
/* 303 to a page of ours. */
void reply_go(struct reply *, const char *where);

#endif
