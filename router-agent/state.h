/*
 * What the agent remembers.  Below the state folder:
 *
 *	lock            who runs
 *	state.0 state.1 the record, written in turns: the one with the higher
 *	                sequence whose sum is right counts, so that a damaged
 *	                file costs at most the last step
 *	store/          images and kernels by SHA-256
 *	metadata/       TUF metadata; belongs to the verifier
 *	reports/        reports waiting to be sent
 *	settings/       what a page changed (change/settings.h)
 *	leases/         of each service that gives some (lease.h)
 *	volumes/        state of services (machine/volume.h)
 *	tmp/            parts of downloads, gone on with after a restart
 *	device.key      the device's secret, 0600
 *	accel.json      what was found out about KVM since this boot
 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"
#include "router-agent/set.h"

#define STATE_BAD 32	 /* sets remembered as bad */
#define STATE_CHANNELS 8 /* channel and arch pairs with a counter */
#define STATE_CAUSE 32
#define STATE_TEXT 240
/* A set whose trial was cut off this often is bad. */
#define STATE_TRIES 2
/* A failure after the switch may be the moment's: tried again after 1 h, 6 h
 * and 24 h, and when the third of these fails too, the set is bad. */
#define STATE_RETRIES 3

struct state_bad {
	struct hash sha256;
	int64_t counter;
	char cause[STATE_CAUSE];
	char text[STATE_TEXT];
	int64_t at;
};

struct state_retry { /* of a set that failed after the switch */
	struct hash sha256;
	int64_t failures; /* 0: there is none */
	int64_t at;	  /* of the last */
	char cause[STATE_CAUSE];
	char text[STATE_TEXT];
};

struct state_counter {
	char channel[SET_NAME], arch[SET_NAME];
	int64_t counter; /* highest seen in verified metadata */
	struct hash sha256;
};

struct state_news { /* saved with what happened, gone once it was told */
	char state[STATE_CAUSE]; /* as of a report; "": there is none */
	char cause[STATE_CAUSE];
	char text[STATE_TEXT];
	int64_t at;
	struct set *set; /* NULL: none */
};

/* The record: one atomic file, so that no two parts of it can disagree. */
struct state {
	int64_t sequence;
	struct set *current, *previous;	 /* committed; NULL: none */
	struct set *golden;		 /* the first ever committed; stays */
	struct set *trial;		 /* being tried since before a crash */
	int64_t tries;			 /* of `trial` */
	struct state_bad bad[STATE_BAD]; /* oldest first */
	size_t nbad;
	struct state_retry retry;
	struct state_counter counters[STATE_CHANNELS];
	size_t ncounters;
	int64_t report_sequence; /* of the last report made */
	bool has_report;
	struct hash report_previous; /* SHA-256 of the last report */
	struct state_news news;
};

struct state_dir {
	int fd, metadata, reports, leases, volumes, tmp;
	int lock; /* -1: reading only */
	struct store *store;
};
#define STATE_DIR_NONE                           \
	{                                        \
		-1, -1, -1, -1, -1, -1, -1, NULL \
	}

/* Makes what is missing, gives `metadata` to the verifier's uid, takes the
 * lock (ERR_BUSY names who has it). */
int state_dir_open(
    struct state_dir *, const char *path, struct err *) KILN_MUST;
void state_dir_release(struct state_dir *);
/* Who holds the lock; ERR_MISSING: nobody. */
int state_dir_holder(const char *path, int64_t *pid, struct err *) KILN_MUST;

/* Nothing there yet is an empty record.  Both files damaged is an error:
 * counters that were forgotten would let an old set in. */
int state_load(int dirfd, struct state *, struct err *) KILN_MUST;
/* Durable on return; raises `sequence`. */
int state_save(int dirfd, struct state *, struct err *) KILN_MUST;
void state_release(struct state *);

const struct state_bad *state_is_bad(
    const struct state *, const struct hash *set);
/* The oldest goes when there is no room. */
void state_mark_bad(struct state *, const struct set *, const char *cause,
    const char *text, int64_t now);
/* One more failure after the switch.  True: it may be tried again. */
bool state_mark_retry(struct state *, const struct set *, const char *cause,
    const char *text, int64_t now);
/* Seconds until this set may be tried again; 0: now, or it never failed. */
int64_t state_retry_wait(
    const struct state *, const struct hash *set, int64_t now);
const struct state_counter *state_counter(
    const struct state *, const char *channel, const char *arch);
/* True: it was raised, and is to be saved. */
bool state_raise_counter(struct state *, const struct set *);

struct set *set_dup(const struct set *) KILN_MUST; /* NULL gives NULL */

#endif
