/*
 * What time it is, on a device that may have no clock.
 *
 * Three states.  SYNCED: the kernel says that somebody keeps the clock (NTP),
 * or it did so in this boot and the clock went on evenly since, or the clock
 * is at most a day above the floor.  FLOOR: only a lower bound is known.
 * WILD: the clock contradicts the floor, or what the trusted root allows.
 * Only in SYNCED is the clock believed; else the floor is the time, so that
 * what is expired by it is expired for certain, and what is not is taken
 * without proof of freshness.
 *
 * The floor is the highest of: when this agent was released; `signed_at` of
 * timestamps and snapshots, each kept with the key that signed it, dropped when
 * the root lists that key no more, and below the root's own expiry; the last
 * time that NTP vouched for; and, within one boot, what these came to plus the
 * time passed since.  A clock that was merely set raises nothing.
 *
 * Remembered in the verifier's folder; the file is written only when something
 * in it has changed.
 */
#ifndef AGENT_CLOCK_H
#define AGENT_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "lib/tuf.h"
#include "router-agent/boot.h"

#define CLOCK_FILE "clock"
#define CLOCK_BUILD ((int64_t)1767225600) /* raised with each release */
#define CLOCK_KEYS 16
#define CLOCK_SIGHTS 16
#define CLOCK_WHAT 160
#define CLOCK_DAY ((int64_t)86400)

enum clock_state { CLOCK_WILD, CLOCK_FLOOR, CLOCK_SYNCED };
const char *clock_state_name(enum clock_state);

struct clock_facts { /* of this moment */
	int64_t now; /* CLOCK_REALTIME */
	int64_t up;  /* CLOCK_BOOTTIME, seconds */
	bool ntp;    /* the kernel's clock is kept by somebody */
	char boot[BOOT_ID];
};
/* Asks the kernel: before system calls are given up. */
void clock_ask(struct clock_facts *);

struct clock {
	struct {
		struct sig_public key;
		int64_t at;
	} floors[CLOCK_KEYS];
	size_t nfloors;
	int64_t synced; /* the last time that NTP vouched for, or 0 */
	/* In boot `boot` it was at least `offset` + CLOCK_BOOTTIME. */
	char boot[BOOT_ID];
	int64_t offset;
	bool kept; /* NTP said so in that boot */
	struct {
		char what[CLOCK_WHAT];
		int64_t at;
	} sights[CLOCK_SIGHTS]; /* oldest first */
	size_t nsights;
	bool changed; /* since it was read or written */
};

struct clock_view {
	enum clock_state state;
	int64_t time; /* to judge by */
	int64_t floor;
};

/* A file that is missing or damaged is an empty one: TUF's versions, which
 * need no clock, stand in files of their own. */
void clock_load(int dirfd, struct clock *);
/* Writes nothing when nothing has changed. */
int clock_save(int dirfd, struct clock *, struct err *) KILN_MUST;

/* `root_expires`: of the trusted root; 0: not known. */
void clock_judge(const struct clock *, const struct clock_facts *,
    int64_t root_expires, struct clock_view *);
/* The time to judge a server's certificate by, for fetcher_at(): 0, the
 * machine's own clock, where that is believed. */
int64_t clock_for_tls(const struct clock_view *);
/* Takes over what NTP vouches for, and where this boot stands. */
void clock_learn(
    struct clock *, const struct clock_facts *, const struct clock_view *);
/* A timestamp or snapshot that was accepted under this root. */
void clock_signed(
    struct clock *, const struct tuf_file *root, const struct tuf_file *);
/* Forgets what keys said that this root lists no more; true: it did. */
bool clock_drop(struct clock *, const struct tuf_file *root);

/* When was this first seen?  Now, if never; the oldest sight makes room. */
int64_t clock_sight(struct clock *, const char *what, int64_t now);

#endif
