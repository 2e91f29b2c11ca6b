/*
 * One pass of the pipe: watch, lock, plan, build, judge, hand over, until
 * nothing is left to do.  What is already known is not done again; what a
 * killed predecessor left undone is.
 */
#ifndef KILN_CYCLE_H
#define KILN_CYCLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "builder/bake/env_crew.h"
#include "builder/exec/work.h"
#include "builder/inputs/archive.h"
#include "builder/plan/recipe.h"
#include "builder/settings.h"
#include "builder/wishes.h"
#include "lib/db.h"
#include "lib/store.h"

struct builder {
	struct db *db;
	struct store *store;
	struct deb_archive archive;
	int recipes; /* folder; -1: repositories, builder/repos.h */
	int envdir, workdir, logdir, rundir;
	struct env_crew *crew;		  /* who writes env/ */
	const char *env_path, *work_path; /* as bwrap reaches them */
	const char *arch;		  /* Debian's: "amd64" */
	const char *const *only; /* these and what they use; none: all */
	size_t nonly;
	int jobs;	      /* runs at a time … */
	int64_t audit;	      /* of 100 skipped plans, so many run again */
	int64_t memory, cpus; /* … and what they may take together */
	struct settings settings;
	atomic_bool stop; /* set by a signal, or because a cycle cannot go on */
	atomic_bool told; /* set by a signal */
	bool no_room;	  /* something waits for room on a disk */
	struct work work;
	struct wishes wishes;
};

/* What became of a recipe's stage. */
struct outcome {
	char *recipe;
	char stage[8];	  /* "build", "image", "" when the recipe is held */
	char verdict[16]; /* "reproduced" …, "held" */
	char *why;	  /* when held; or NULL */
	bool planned;
	struct hash plan; /* when planned */
};

struct cycle {
	/* Events after that one are of this cycle, or of those before it that
	 * did not come to their end. */
	int64_t since;
	int64_t executed, failed, released; /* failed: machine's failures */
	int64_t needed;			    /* of executed: farm.db, cycle */
	int64_t alarms;			    /* audits that differ */
	bool archive_reached;
	bool no_recipes;	  /* a repository of them could not be had */
	struct outcome *outcomes; /* in the order of work */
	size_t noutcomes, capoutcomes;
};

/* -1: the farm itself failed (disk, database); what was done is kept. */
int cycle_run(struct builder *, bool poll_archive, struct cycle *,
    struct err *) KILN_MUST;
void cycle_release(struct cycle *);
/* Every recipe's last stage reproduced? */
bool cycle_all_good(const struct cycle *);

#endif
