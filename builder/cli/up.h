/*
 * `kiln up` and `kiln build`, shared by their loop (up.c) and the verbs of its
 * watching child (verbs.c).
 */
#ifndef KILN_UP_H
#define KILN_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/cli/demo_net.h"
#include "builder/cli/unit.h"
#include "builder/cli/watch.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/spawn.h"

#define UP_NAMES WATCH_NAMES

enum unit_id {
	UNIT_BUILDER,
	UNIT_TUF,
	UNIT_UPLOAD,
	UNIT_WEB,
	UNIT_AGENT,
	UNIT_COUNT
};

struct up {
	const char *name; /* "kiln up", "kiln build" */
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
	bool alone; /* the builder, without repository and dashboard */
	int64_t since;
};

#define UP_INIT(what)                                                          \
	{                                                                      \
		.name = what, .farm = FARM_INIT, .sock = -1, .lock = -1,       \
		.signals = -1, .net = { -1, -1, -1, -1 }, .watch = CHILD_INIT, \
		.listen = "127.0.0.1:8080"                                     \
	}

/* Adds to `only`, once each; -1 after a sentence when there are too many. */
int up_only(struct up *, const char *recipe) KILN_MUST;
/* Starts what belongs to it, stays until it is over or a signal, and releases
 * everything; returns the exit status, after a sentence if it is not 0. */
int up_run(struct up *);

/* Has `kiln-tuf init` been run? */
bool up_have_keys(const struct up *);
/* Starts the watching child and tells it what it needs. */
int up_watch_start(struct up *, struct err *) KILN_MUST;
/* Serves one verb.  1: everything was shown; 0: go on; -1: the child cannot
 * be spoken with. */
int up_watch_serve(struct up *, struct err *) KILN_MUST;

#endif
