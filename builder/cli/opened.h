/* A farm's records and store, as a command opens them to read or to add. */
#ifndef KILN_OPENED_H
#define KILN_OPENED_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/store.h"

struct opened {
	struct farm farm;
	struct db *db;
	struct store *store;
	int work; /* -1: reading only */
};
#define OPENED_INIT                           \
	{                                     \
		.farm = FARM_INIT, .work = -1 \
	}

/* After farm_enter(&o->farm) and drop_to(): `write` as the builder, which owns
 * farm.db. */
int opened_parts(struct opened *, bool write, struct err *) KILN_MUST;
void opened_release(struct opened *);
#define auto_opened __attribute__((cleanup(opened_release)))

#endif
