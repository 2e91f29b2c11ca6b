/*
 * Work in hand, told to whoever watches farm.db: at most one small write a
 * second for each piece of work.  Failing to tell never fails the work.
 */
#ifndef KILN_PROGRESS_H
#define KILN_PROGRESS_H

#include <stdint.h>

#include "lib/db.h"

struct progress {
	struct db *db;
	int64_t id, written_ms;
};

/* `what`: fetch, index, lock, environment, build, compare.  total -1: not
 * known.  `unit`: "B", "packages", "files" … */
void progress_begin(struct progress *, struct db *, const char *what,
    const char *subject, const char *unit, int64_t total);
void progress_set(struct progress *, int64_t done, int64_t total);
void progress_end(struct progress *);
/* At start: what a killed predecessor left open is ended. */
void progress_recover(struct db *);

/*
 * An event's row.  event_put is for one that belongs to another row: both go
 * into one transaction, so that neither is there without the other.
 * event_add tells what stands without it: its id, 0 if it could not be
 * written.
 */
int event_put(struct db *, const char *kind, const char *subject,
    int64_t parent, int64_t *id, struct err *, const char *fmt, ...)
    KILN_PRINTF(7, 8) KILN_MUST;
int64_t event_add(struct db *, const char *kind, const char *subject,
    int64_t parent, const char *fmt, ...) KILN_PRINTF(5, 6);

#endif
