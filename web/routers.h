/*
 * What routers said last, and how many say it: web.db's router, report, and
 * the counts that are kept of them, so that no page has to look at a hundred
 * thousand routers.
 *
 * router_group has a row for each channel, architecture, set, state and cause
 * that a router is in; triggers keep it, so it is right whoever writes
 * `router`.  reach has, of each published set that a router of a channel came
 * to, how many came to it or to a newer one, and when half, nine of ten and
 * all that reported then had.  cost has what updates to them took, as those
 * said that committed them.
 */
#ifndef KILN_WEB_ROUTERS_H
#define KILN_WEB_ROUTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"

#define ROUTERS_REPORTS 100 /* kept of each */
#define ROUTERS_MAX 200000  /* anybody can make a key */

/* A report whose signature was checked; words and hex, all borrowed. */
struct said {
	const char *router, *state, *cause, *key;
	const char *channel, *arch, *agent;
	const char *set_sha; /* NULL: no set runs */
	int64_t sequence, counter, timestamp;
	const char *body; /* canonical */
	const char *sig;  /* over it, by `key`; NULL: others cannot check */
	size_t body_len;
	/* What the update cost: bytes fetched, and for how long the switch
	 * took LAN packets; -1: it does not say. */
	int64_t bytes, gap_ms;
	bool published; /* its set is one of ours: it counts for reach */
};

/* In one transaction.  A repeated sequence changes nothing; one that comes
 * late is kept and changes nothing else.  ERR_BUSY: there are too many. */
int routers_said(struct db *, const struct said *, struct err *) KILN_MUST;

/* How many run this set now; -1 on error. */
int64_t routers_of_set(struct db *, const char *set_sha, struct err *);

#endif
