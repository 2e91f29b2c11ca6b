/* A farm in the hands of a command that keeps it in order: as the builder's
 * user, which owns the store and farm.db, beside a builder that runs. */
#ifndef KILN_HAND_H
#define KILN_HAND_H

#include <stdbool.h>

#include "builder/bake/env_crew.h"
#include "builder/inputs/worker.h"
#include "builder/keep/needs.h"
#include "builder/settings.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"

struct hand {
	struct farm farm;
	struct settings settings;
	struct workers workers;
	struct env_crew crew;
	struct needs needs; /* with the databases and the store */
	struct env_place place;
	char *env_path;
	int work, turn;
};
#define HAND_INIT                                                       \
	{                                                               \
		.farm = FARM_INIT, .workers = WORKERS_INIT, .work = -1, \
		.turn = -1, .place = {                                  \
			.dirfd = -1                                     \
		}                                                       \
	}
#define auto_hand __attribute__((cleanup(hand_close)))

struct hand_options {
	const char *state, *config;
	bool write; /* farm.db is opened as its owner does */
	bool fetch; /* with the workers that fetch and parse */
};

/* Must be the first that a command does: it starts workers and drops. */
int hand_open(
    struct hand *, const struct hand_options *, struct err *) KILN_MUST;
/* Waits a little for the builder's cycle to end: ERR_BUSY. */
int hand_turn(struct hand *, struct err *) KILN_MUST;
void hand_close(struct hand *);

#endif
