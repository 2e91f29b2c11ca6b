/*
 * Lanes: the two ways in which a plan is run.  A is quiet, B is contrary in
 * everything a build must not depend on.  Each difference is a switch with a
 * name, so that a run can take any set of them (and a difference can be
 * traced to one).
 *
 * Blind spots: the date is shifted by a preloaded library, which a static
 * program does not load; processor and kernel are those of this machine.
 */
#ifndef KILN_LANE_H
#define KILN_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

enum variation {
	VARY_ASLR,
	VARY_COLUMNS,
	VARY_CPUS,
	VARY_DATE,
	VARY_DOMAIN,
	VARY_FILE_ORDER,
	VARY_HEAP,
	VARY_HOME,
	VARY_HOSTNAME,
	VARY_JOBS,
	VARY_LOCALE,
	VARY_OUTSIDE_PATH,
	VARY_PATH,
	VARY_TIMEZONE,
	VARY_UID,
	VARY_UMASK,
	VARY_COUNT
};

#define VARY_NONE 0u
#define VARY_ALL ((1u << VARY_COUNT) - 1)
#define VARY(v) (1u << (v))

const char *variation_name(enum variation); /* "aslr" … */
/* "date,umask", "all" or "" (none); ERR_INPUT lists what there is. */
int vary_parse(const char *names, unsigned *vary, struct err *) KILN_MUST;

/*
 * What passes or falls by itself, in the quiet lane too, and can be held
 * still, to find out whether it is why a build differs from itself.  No lane
 * of the farm holds anything.
 */
enum hold {
	HOLD_CLOCK,	 /* every process reads the same time */
	HOLD_FILE_TIMES, /* … and finds it on every file; with the clock */
	HOLD_HASHES,	 /* perl's and python's seeds of their hash tables */
	HOLD_RANDOM,	 /* getrandom() of libc, /dev/urandom, kernel's uuid */
	HOLD_COUNT
};
#define HOLD_ALL ((1u << HOLD_COUNT) - 1)
#define HOLD(h) (1u << (h))
const char *hold_name(enum hold); /* "clock" … */

/* How one run differs, resolved from a set of switches. */
struct lane {
	char name;     /* 'A', 'B' */
	unsigned vary; /* what is really varied: VARY() bits */
	unsigned hold; /* what is really held: HOLD() bits */
	int64_t clock; /* of LANE_CLOCK: Unix seconds; 0: there is none */
	unsigned uid, gid;
	int jobs;
	int cpus; /* 0: all */
	bool no_aslr;
	bool reverse_order;
	bool long_path;
	const char *hostname, *umask, *home;
	struct buf env[32]; /* NAME=VALUE */
	size_t nenv;
};

/* Inside: an empty file whose time is the one that is held, where the time
 * zone is varied. */
#define LANE_CLOCK "/dev/kiln-clock"

/* Packages that lanes need in every environment; NULL-ended.  Part of each
 * lock's request. */
extern const char *const lane_packages[];

/*
 * `root`: the environment's tree, in which lane B's date needs libfaketime;
 * without it the date is not varied.  `arch` is Debian's.
 */
void lane_init(struct lane *, char name, unsigned vary, const char *root,
    const char *arch, int64_t clock);
/* After lane_init.  `now`: the time that stands still, Unix seconds; lane B's
 * date moves it. */
void lane_hold(struct lane *, unsigned hold, const char *root, int64_t now);
void lane_release(struct lane *);
/* Names of the bits, sorted: new references. */
json_t *lane_varied(unsigned vary);
/* What is never varied here, and the switches that are off. */
json_t *lane_not_varied(unsigned vary);

#endif
