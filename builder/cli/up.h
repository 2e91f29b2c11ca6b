/*
 * `kiln up`, shared by its loop (up.c) and the verbs of its watching child
 * (verbs.c).
 */
#ifndef KILN_UP_H
#define KILN_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/cli/demo_net.h"
#include "builder/cli/unit.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/spawn.h"

#define UP_NAMES 32 /* of recipes, of services */

enum unit_id {
	UNIT_BUILDER,
	UNIT_TUF,
	UNIT_UPLOAD,
	UNIT_WEB,
	UNIT_AGENT,
	UNIT_COUNT
};

struct up {
	struct farm farm;
	struct demo_net net;
	struct unit units[UNIT_COUNT];
	struct child watch;
	int sock; /* to the watching child */
	int lock;
	int signals;
	char *agent_conf;
	const char *state_arg, *recipes_arg;
	const char *listen, *jobs;
	const char *only[UP_NAMES]; /* recipes; none: all */
	size_t nonly;
	bool demo, all, once, offline, verbose;
	int64_t since;
};

/* Has `kiln-tuf init` been run? */
bool up_have_keys(const struct up *);
/* Starts the watching child and tells it what it needs. */
int up_watch_start(struct up *, struct err *) KILN_MUST;
/* Serves one verb.  1: everything was shown; 0: go on; -1: the child cannot
 * be spoken with. */
int up_watch_serve(struct up *, struct err *) KILN_MUST;

#endif
