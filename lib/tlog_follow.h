/*
 * Following a log that somebody serves as static files: its checkpoint is
 * signed by a key that is trusted, and nothing that was seen before has gone
 * or changed.
 */
#ifndef KILN_TLOG_FOLLOW_H
#define KILN_TLOG_FOLLOW_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/checkpoint.h"
#include "lib/err.h"
#include "lib/tlog.h"
#include "lib/tuf_check.h"
#include "lib/tuf_refresh.h"

#define LOG_URL "/tuf/log/" /* behind a farm's address */

struct tlog_source {
	const char *url; /* ends in '/' */
	tuf_get *get;
	void *arg;
};

/* A log in a folder: `url` is "", `arg` an int * to its descriptor. */
tuf_get tlog_get_at;

/* The keys that may sign a farm's log: those of its services, by trusted
 * targets.  At most `max`; returns how many. */
size_t tlog_keys(
    const struct tuf_file *targets, struct sig_public *, size_t max);

/*
 * Sets *now to what the server says now.  `known`: what it said last; size 0:
 * nothing.  ERR_MISSING: it has no log.  ERR_TRUST: it is another log, or one
 * that has forgotten entries, or says others; the sentence ends in "(log
 * fork)", "(log rollback)" or "(another log)".  ERR_BUSY: not to be reached.
 * At most a dozen tiles are asked for.
 */
int tlog_follow(const struct tlog_source *, const struct sig_public *keys,
    size_t nkeys, const struct checkpoint *known, struct checkpoint *now,
    struct err *) KILN_MUST;

/*
 * Reads all entries and hashes them again; ERR_TRUST: they are not what the
 * checkpoint says, or do not lead from `known` (size 0: nothing) to it.  `each`
 * is called with every entry once its bundle is read (before the root is
 * known); not 0 ends it.
 */
typedef int tlog_entry(
    void *arg, int64_t index, const void *, size_t, struct err *);
int tlog_read_all(const struct tlog_source *, const struct checkpoint *known,
    const struct checkpoint *now, tlog_entry *each, void *arg,
    struct err *) KILN_MUST;

/* The checkpoint that was seen last, kept in a folder: kiln/log-seen.  Nothing
 * there yet is size 0; what is damaged is an error. */
#define TLOG_SEEN "log-seen"
int tlog_seen_load(int dirfd, struct checkpoint *, struct err *) KILN_MUST;
int tlog_seen_save(
    int dirfd, const struct checkpoint *, struct err *) KILN_MUST;

#endif
