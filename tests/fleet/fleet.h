/*
 * A fleet of routers under a clock of its own, against the farm's own
 * programs.  What a router decides is the agent's code, linked in:
 *
 *	trust/check.c         refresh of the metadata, rules, forms
 *	trust/turn.c          its wave and its window
 *	change/due.c          may it begin?
 *	poll.c                when it asks again
 *	state.c               other chances after a failure
 *	owner/report.c        what it says, signed by its key
 *
 * A stated sample does all of this with a folder, connections and reports of
 * its own, over HTTP to kiln-web.  The others share: those who have seen the
 * same publication have the same metadata, so one check of each kind is made
 * over HTTP by the same code, and its outcome holds for all of that kind; what
 * is a router's alone (its turn, its wait, its failures, its report) is worked
 * out for each.  That both come to the same is asserted at each poll of the
 * sample.
 */
#ifndef FLEET_H
#define FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "router-agent/conf.h"
#include "router-agent/poll.h"
#include "router-agent/set.h"
#include "router-agent/state.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/rules.h"
#include "tests/fleet/load.h"

#define FLEET_SETS 32
#define FLEET_WAIT                                                \
	660 /* seconds that a trial takes: fetch, boot, probation \
	     */

/* A kind of check: metadata as of publication `from`, what runs, what was the
 * newest set seen, what is published now. */
struct kind {
	int64_t from, to;
	int current, seen;
	/* its outcome */
	bool reachable;
	int set; /* offered; -1: refused */
	char word[RULES_WORD];
	int64_t requests, down, up;
	struct kind *next;
};

struct router {
	struct hash device;
	struct sig_seed seed;
	struct sig_public key;
	uint64_t chance; /* state of its own random numbers */
	struct poll_plan plan;
	int64_t seen_publication; /* timestamp version of its metadata */
	int current, seen, trial; /* sets; -1: none */
	bool touched;		  /* it has begun the set that is watched */
	int zone;		  /* minutes from UTC */
	struct clock *sights;	  /* while a set waits; else NULL */
	struct state *trouble;	  /* after a failure; else NULL */
	struct hash told, previous;
	int64_t sequence;
	int folder; /* of the sample; else -1 */
	int64_t polls;
};

struct event { /* in a heap, the earliest first */
	int64_t at_ms;
	uint32_t router;
};

struct fleet {
	int64_t *now; /* the clock that all programs share */
	int64_t start;
	/* what the farm is */
	const char *bin, *state; /* absolute */
	int work;
	char url[64];
	struct db *web;
	/* routers */
	struct router *routers;
	uint32_t n, sample;
	struct event *heap;
	uint32_t nheap;
	struct agent_conf conf;
	struct fetcher *fetcher;
	/* what they may run */
	struct set *sets[FLEET_SETS];
	json_t *set_json[FLEET_SETS];
	int nsets;
	int bad;     /* this one fails after the switch; -1: none */
	int watched; /* who begins it is counted */
	struct kind *kinds;
	int64_t publication; /* timestamp version that is served now */
	bool outage;
	/* what came of it */
	struct load load;
	int64_t head_ok,
	    missing;		/* bytes of an answer's head; of a whole 404 */
	int64_t real;		/* requests that went over HTTP */
	int64_t attempts;	/* at a server that did not answer */
	int64_t checks, agreed; /* of the sample, and those as the others' */
	int64_t touched, back, committed, reports, refused;
	int64_t backs_since_pass, pass_at;
	int64_t image_bytes;
	int64_t arrived, half_at, most_at, all_at; /* at the watched set */
	int failed;				   /* assertions */
};

/* --- router.c ------------------------------------------------------------- */

int fleet_make(struct fleet *, uint64_t seed, struct err *);
void fleet_release(struct fleet *);
/* Until `until`; farm_pass whenever a running kiln-tuf would. */
int fleet_run(struct fleet *, int64_t until, struct err *);
/* Power is lost by all of them and comes back `boot_s` later, to the second:
 * what an agent holds in memory is gone, and its first poll is a boot's. */
void fleet_power_cut(struct fleet *, int64_t boot_s);
/* How many run this set. */
int64_t fleet_at(const struct fleet *, int set);
/* The index of the newest set the fleet has been offered; -1. */
int fleet_newest(const struct fleet *);

/* --- check.c ----------------------------------------------------------------
 */

/* *k: the outcome for this router, now. */
int fleet_check(
    struct fleet *, struct router *, const struct kind **k, struct err *);
/* By its own folder, over HTTP, whatever others came to. */
int fleet_check_own(
    struct fleet *, const struct router *, struct kind *, struct err *);
void fleet_kinds_free(struct fleet *);

/* --- served.c ----------------------------------------------------------------
 */

/* `workers` routers at a time, each asking `checks` times and finding nothing
 * new; *rate: requests a second that the server answered. */
int fleet_served(struct fleet *, const char *fetch, int workers, int64_t checks,
    double *rate, struct err *);

/* --- farm.c -----------------------------------------------------------------
 */

int farm_run(struct fleet *, const char *const *argv, struct err *);
/* What a running kiln-tuf does; takes note of what is published then. */
int farm_pass(struct fleet *, struct err *);
/* Heads of answers, measured at the server. */
int farm_measure(struct fleet *, struct err *);
/* As if an operator had let all of them in. */
int farm_accept(struct fleet *, struct err *);
/* One report, as kiln-web keeps it. */
int farm_report(struct fleet *, const struct router *, const json_t *,
    const struct buf *body, const char *sig, struct err *);

#endif
