/*
 * One run: a plan, a lane, an environment; a record, a log and outputs.
 *
 * Knows no database, so that whoever has a plan and a store can repeat one.
 * Calls may run in threads of their own.
 */
#ifndef KILN_BUILD_H
#define KILN_BUILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/bake/apart.h"
#include "builder/bake/collect.h"
#include "builder/bake/watch.h"
#include "builder/plan/plan.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct build_place {
	struct store *store;
	struct store *results; /* outputs and logs; NULL: the same */
	int workdir;	       /* work/ */
	const char *work_path; /* the same as bwrap reaches it */
	int logdir;	       /* log/runs: "run-ID.log" while it runs */
	const struct cgroups *cgroups; /* NULL: none */
};

struct build_order {
	int64_t id; /* names the folder and the log */
	const struct plan *plan;
	char lane;
	unsigned vary;	 /* lane.h */
	unsigned hold;	 /* nothing, but for whoever looks for a cause … */
	int64_t hold_at; /* … and the time the clock is held at */
	struct hash environment;
	const char *root; /* of the environment */
	struct limits limits;
	int64_t process_memory; /* bytes of address space of each process */
	int first_cpu;		/* where a pinned lane is pinned */
	struct apart *apart;	/* from the plan's other runs; NULL: no */
	const atomic_bool *stop;
};

struct build_result {
	bool stopped; /* told to: nothing counts */
	bool succeeded;
	char cause[24];		   /* a word when not succeeded */
	char message[480];	   /* one sentence when not succeeded */
	unsigned vary;		   /* what was really varied */
	int64_t started, finished; /* Unix seconds */
	int64_t wall_ms, cpu_ms, max_rss_kib;
	struct outputs outputs;
	struct hash log;
	json_t *machine; /* it ran on; NULL: this one */
};

/* What a recipe's budget means; `jobs` of the lane. */
void build_limits(
    const struct budget *, int64_t *process_memory, struct limits *);

/*
 * -1: the machine failed, not the build (no sandbox, no space for the
 * inputs …): nothing counts.
 */
int build_run(const struct build_place *, const struct build_order *,
    struct build_result *, struct err *) KILN_MUST;
void build_result_release(struct build_result *);
/* This machine as records show it: new reference. */
json_t *build_machine(void);
/* kiln/run: new reference. */
json_t *build_record(const struct build_order *, const struct build_result *,
    const char *builder);

#endif
