/*
 * Event streams (text/event-stream): replies that stay open and say what
 * happens.  A stream without news is suspended and costs a socket; twice a
 * second each is asked whether it has something to say.
 *
 * None lasts for ever: after LIVE_LIFE_MS it comes to a regular end, whoever
 * looks, looks away or has lost the right to look since.  A browser comes back
 * by itself and says by Last-Event-ID what it has seen, so nothing is missed.
 */
#ifndef KILN_LIVE_H
#define KILN_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "web/req.h"

#define LIVE_STREAMS                                            \
	128 /* all together; the next one is told to come later \
	     */
#define LIVE_TICK_MS 500
#define LIVE_PING_MS 15000 /* so that we see who left */
#define LIVE_LIFE_MS ((int64_t)3600 * 1000)

struct stream;

/* Appends events; false when there will be no more. */
typedef bool stream_fn(struct stream *, struct buf *out);

struct stream {
	struct web *web;
	stream_fn *fill;
	void (*release)(struct stream *); /* of `state`; may be NULL */
	void *state;
	/* live.c's own */
	struct MHD_Connection *con;
	struct buf out;
	size_t sent;
	int64_t began_ms, said_ms;
	bool suspended, over;
	struct stream *next, **prev;
};

struct live {
	struct stream *first;
	size_t n;
	int64_t ticked_ms;
	int64_t seen[3];  /* data versions of farm, tuf, web */
	uint64_t version; /* grows when any database changed */
};

/* NULL when there are too many; `state` stays the caller's then. */
struct stream *live_open(
    struct req *, stream_fn *, void *state, void (*release)(struct stream *));
/* The reply's side: a response that owns the stream.  NULL: no memory. */
struct MHD_Response *live_response(struct stream *, struct MHD_Connection *);
void live_tick(struct web *);
/* Ends all; the caller runs its daemons once more before it stops them. */
void live_end(struct web *);

/* GET /events: "change" with a number, at most once a second, whenever a
 * database has changed since the number that Last-Event-ID says, or since
 * now. */
void live_changes(struct req *, struct reply *);
/* Looks at the databases; the number that "change" carries. */
uint64_t live_version(struct web *);

#endif
