/*
 * What would be built again, and for how long, without doing it: as the
 * recipes' files are now, or if a package had a new version.  From the locks
 * and plans that stand; nothing is solved.  Packages of the same source and
 * version move together (the pool has a folder for each source), since they
 * depend on each other's exact version; a version that would bring packages
 * of other sources along says less here than it would do.
 *
 * Fill in `db` and `store`, ask one of the two questions once, read `v`.
 */
#ifndef KILN_FORECAST_H
#define KILN_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/lock.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

/* A plan that stands. */
struct standing {
	char *recipe;
	struct plan *plan;
	struct lock *lock;
	char *why;    /* NULL: it stays */
	bool certain; /* else only if an output that it uses changes */
	int64_t ms;   /* of a run in each lane, by those of the past; -1 */
};

struct forecast {
	struct db *db; /* farm.db; both are the forecast's */
	struct store *store;
	struct standing *v; /* by recipe, its build before its image */
	size_t n, cap;
	struct buf notes; /* lines about recipes that no plan stands for */
};
#define FORECAST_INIT             \
	{                         \
		.notes = BUF_INIT \
	}

/* That package or source, as NAME, at that version.  ERR_MISSING: no lock of
 * the farm has it. */
int forecast_bump(struct forecast *, const char *name, const char *version,
    struct err *) KILN_MUST;
/* By the files of that folder of recipes; NULL: none is known.  ERR_INPUT:
 * the farm's recipes come from repositories. */
int forecast_recipes(
    struct forecast *, const char *folder, struct err *) KILN_MUST;
void forecast_release(struct forecast *);

#endif
