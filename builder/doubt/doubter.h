/*
 * Where a doubter works: a folder of their own, laid out like a farm's, with
 * a store, environments, and children that fetch and parse.  Packages stay
 * there for the next time; outputs do not.
 */
#ifndef KILN_DOUBTER_H
#define KILN_DOUBTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "builder/bake/env.h"
#include "builder/bake/env_crew.h"
#include "builder/exec/work.h"
#include "builder/inputs/archive.h"
#include "builder/settings.h"
#include "lib/attr.h"
#include "lib/cgroup.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/store.h"

/* Work in hand, for people.  `unit`: "B" or a word; total -1: not known. */
struct doubter_news {
	const char *what, *subject, *unit;
	int64_t done, total;
};

struct doubter {
	struct farm farm;
	struct settings settings;
	struct workers workers;
	struct env_crew crew;
	struct cgroups cgroups;
	struct apt_sources sources;
	struct store *store;
	struct env_place env;
	struct work work; /* runs at a time */
	struct deb_archive archive;
	char *env_path, *work_path;
	int workdir, logdir, git, lock;
	int64_t next_id; /* of a run */
	/* The caller's: */
	const char *builder; /* what records of runs call it */
	const atomic_bool *stop;
	void (*tell)(void *arg, const struct doubter_news *); /* or NULL */
	void *arg;
};
#define DOUBTER_INIT                                                  \
	{                                                             \
		.farm = FARM_INIT, .workers = WORKERS_INIT,           \
		.cgroups = CGROUPS_INIT, .sources = APT_SOURCES_INIT, \
		.env = { .dirfd = -1 }, .workdir = -1, .logdir = -1,  \
		.git = -1, .lock = -1, .builder = "doubter"           \
	}
#define auto_doubter __attribute__((cleanup(doubter_close)))

struct doubter_options {
	const char *state;  /* NULL: doubter_default() */
	const char *config; /* kiln.yaml(5), or NULL */
	int jobs;	    /* runs at a time; 0: as many as processors */
};

/* /var/cache/kiln, else $XDG_CACHE_HOME/kiln, ~/.cache/kiln: free it. */
char *doubter_default(void) KILN_MUST;
/*
 * Must be the first that a command does: it starts workers and drops.
 * ERR_BUSY: another has the folder.  ERR_INPUT: it is a farm's.
 */
int doubter_open(
    struct doubter *, const struct doubter_options *, struct err *) KILN_MUST;
void doubter_close(struct doubter *);
/* Says it, if anybody listens. */
void doubter_tell(struct doubter *, const char *what, const char *subject,
    int64_t done, int64_t total, const char *unit);

#endif
