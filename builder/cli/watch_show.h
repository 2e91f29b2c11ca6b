/*
 * Lines for a person, read from the databases.  Progress goes to stderr (one
 * line redrawn on a terminal, else a line every few seconds), results to
 * stdout.
 */
#ifndef KILN_WATCH_SHOW_H
#define KILN_WATCH_SHOW_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/cli/watch.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"

struct cycle {
	int64_t id, started_at, finished_at, executed, failed;
	char error[256];
};
/* 1: the first cycle begun at or after `since` that was not cut short by the
 * end of its builder; 0: none yet. */
int cycle_read(
    struct db *farm, int64_t since, struct cycle *, struct err *) KILN_MUST;

struct show;
struct show *show_open(int64_t since);
void show_close(struct show *);
void show_progress(struct show *, struct db *farm);

/* A line per recipe and stage: digest and verdict, or why there is none. */
int show_builds(struct db *farm, const struct cycle *, struct err *) KILN_MUST;
/* What came of a recipe that was asked for, as a word: its verdict, else why it
 * has none. */
int built_read(struct db *farm, const char *name, char *out, size_t room,
    struct err *) KILN_MUST;
/* Services with a release, as ipc strings; *n how many. */
int services_read(
    struct db *farm, struct buf *, uint32_t *n, struct err *) KILN_MUST;

struct published {
	int64_t timestamp, snapshot, counter;
};
int published_cycle(struct db *tuf, int64_t *served, struct err *) KILN_MUST;
int show_published(struct db *tuf, const struct watch_setup *,
    struct published *, struct err *) KILN_MUST;

/* `kiln-agent status --json`, as far as it is shown. */
struct router {
	bool committed;
	bool well; /* every service's probes were answered */
	int64_t counter, bad_counter;
	char phase[64], cause[256], accel[160], address[64];
	char services[512]; /* "dns-dhcp 3f2a…" */
};
int router_parse(const char *, size_t, struct router *, struct err *) KILN_MUST;
void show_router(const struct router *);
/* Takes dig's text; no answer in it is an error. */
int show_answer(
    const struct router *, const char *text, struct err *) KILN_MUST;
void show_work(const struct cycle *, int64_t since);

#endif
