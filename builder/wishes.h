/*
 * What people ask the builder for on the page: rows of web.db's `request`
 * (docs/formats.md).  That database is another program's, so a row of it is a
 * wish and no more: each is judged here, and what came of it stands in
 * farm.db's `asked` under the same id.
 *
 *   poll     look at the archive now
 *   cancel   {"run","reason"}: what of that plan runs or waits ends; the plan
 *            is held until somebody asks for it again
 *   retry    {"run","reason"}: a plan that was cancelled, failed, or was given
 *            up goes into the next cycle.  Never one whose outputs were seen:
 *            they do not become equal by trying again.
 */
#ifndef KILN_WISHES_H
#define KILN_WISHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"

struct builder;
struct task;

struct wishes {
	const char *web_db; /* path, borrowed; NULL: nobody can ask */
	struct db *web;	    /* NULL: not there yet, or of another version */
	int64_t version;
	bool poll;  /* somebody wants the archive looked at */
	bool again; /* a plan was set free: another cycle */
};

/* Takes what is new; cheap when nothing is.  `tasks`: what is in hand, which a
 * cancel stops.  -1: farm.db failed. */
int wishes_take(
    struct builder *, struct task *tasks, size_t n, struct err *) KILN_MUST;
void wishes_close(struct wishes *);

/* 1: somebody cancelled the plan, and *why says who and why. */
int wishes_cancelled(struct db *, const struct hash *plan, struct buf *why,
    struct err *) KILN_MUST;

#endif
