/*
 * The open connections of all sockets, and how long each may keep us waiting:
 * for the rest of its request, and until its reply is taken.  libmicrohttpd
 * sees to those on which nothing moves at all.
 */
#ifndef KILN_CONNECTION_H
#define KILN_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole request must be here after so many seconds, however busily its
 * bytes drip. */
#define CONNECTION_REQUEST_S 60
/* A reply must be gone after as many, and a second more for each of these
 * bytes: what the slowest of our own clients give up at (lib/http.c). */
#define CONNECTION_FLOOR 512
/* … and of these, when three of four places are taken. */
#define CONNECTION_HURRY_S 5
#define CONNECTION_HURRY_FLOOR 16384

struct connection;

struct connections {
	/* For the rest of their requests: newest first. */
	struct connection *waiting, *longest;
	struct connection *sending; /* in no order */
	size_t open, room;	    /* now, at most */
	int64_t looked_ms;	    /* at those that are sent to */
	/* Tests have less patience; 0: as above. */
	int64_t patience_ms, grace_ms, floor;
};

/* `fd` is borrowed.  It is waited for from here on. */
struct connection *connection_new(struct connections *, int fd);
void connection_free(struct connection *);
/* The next request begins. */
void connection_waits(struct connection *);
/* The request is here, and its reply of n bytes is on its way; -1: one that
 * comes as it happens (web/live.h). */
void connection_sends(struct connection *, int64_t n);

/* Ends those that take too long; their daemons clean up. */
void connections_cut(struct connections *);

#endif
