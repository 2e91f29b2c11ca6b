/* Asking the fetch worker: the only way bytes come in from a network. */
#ifndef KILN_FETCH_H
#define KILN_FETCH_H

#include <stdint.h>

#include "builder/inputs/worker.h"

/* What a server says of a file, to be asked "changed since?" with. */
struct fetch_tags {
	char etag[128], modified[64]; /* "": it did not say */
};

struct fetch {
	const char *url;
	const char *proxy;   /* NULL: the environment's */
	int64_t limit;	     /* bytes at most */
	int fd;		     /* written from its offset on */
	int64_t deadline_ms; /* 0: 15 min */
	/* May be NULL; total -1: not known. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
	/* May be NULL.  What is in it is asked with, and status 304 then says
	 * that nothing has changed; what status 200 says is put there. */
	struct fetch_tags *tags;
};

/*
 * 0: the server answered: *status, *bytes.  ERR_BUSY: it could not be
 * reached, after three attempts; ERR_INPUT: limit, or a bad URL.  What fails
 * in a way that may pass (connection, 5xx) is asked again after a pause, with
 * the descriptor cut back to where it was.
 */
int fetch_get(struct worker *, const struct fetch *, int *status,
    int64_t *bytes, struct err *) KILN_MUST;

#endif
