/*
 * Where runs happen: one interface, and an engine behind it.  Two are here:
 * the threads of this process (local.h), which is the default and needs
 * nothing, and Slurm (slurm.h).
 *
 * Whoever submits gives each attempt a name of their own; an engine's job
 * numbers are hints for people, since an engine that forgets uses them again.
 * Nobody's exit status carries a result: one comes back with the snapshot
 * (local), or is reported and checked apart from the engine (remote.h).
 */
#ifndef KILN_EXEC_H
#define KILN_EXEC_H

#include <stdatomic.h>
#include <stdint.h>

#include "builder/bake/build.h"
#include "lib/attr.h"
#include "lib/err.h"

#define EXEC_ID 33 /* 32 hex digits and NUL */

struct exec_spec {
	const char *id;
	/* For an engine in this process. */
	const struct build_order *order;
	/* For one that starts programs elsewhere. */
	const char *script;  /* "#!…", with the attempt's secret in it */
	const char *arch;    /* Debian's */
	const char *exclude; /* "n1,n2": nodes that may not have it; NULL */
	int cpus;
	int64_t memory; /* bytes */
	int64_t limit;	/* seconds */
};

enum exec_submit {
	EXEC_ACCEPTED,
	EXEC_REJECTED, /* for good: no such architecture, too large … */
	EXEC_UNSURE,   /* it may run or not: look it up by its name */
};

enum exec_state {
	EXEC_WAITS,
	EXEC_RUNS,
	EXEC_ENDED, /* by itself */
	EXEC_LOST,  /* its node is gone, or somebody cancelled it */
	EXEC_LIMIT, /* it met the engine's limit of time or memory */
};

/* What a local run ended with. */
struct exec_end {
	int rc; /* of build_run() */
	struct build_result result;
	struct err err;
};

struct exec_seen {
	const char *id;
	enum exec_state state;
	const char *job;      /* the engine's own number, a hint; or "" */
	const char *node;     /* or "" */
	const char *why;      /* it waits or was lost; or "" */
	struct exec_end *end; /* EXEC_ENDED of a local one, to be taken */
};
typedef void exec_seen_fn(void *arg, const struct exec_seen *);

struct exec_node {
	const char *name, *state, *why;
	const char *features; /* "amd64,intel" */
	int64_t cpus, cpus_free;
	int64_t memory, memory_free; /* bytes */
};
typedef void exec_node_fn(void *arg, const struct exec_node *);

struct exec;
struct exec_ops {
	const char *name;
	/* Begins it.  `job`: what the engine calls it, or "".  The error is
	 * set unless it was accepted. */
	enum exec_submit (*submit)(struct exec *, const struct exec_spec *,
	    char job[EXEC_ID], struct err *);
	/* All attempts it knows of.  ERR_BUSY: it cannot be asked, and nothing
	 * may be concluded. */
	int (*snapshot)(struct exec *, exec_seen_fn *, void *, struct err *);
	/* One that is not there is success. */
	int (*cancel)(struct exec *, const char *id, struct err *);
	int (*capacity)(struct exec *, exec_node_fn *, void *, struct err *);
	/* Can it run anything?  The error says what is missing. */
	int (*health)(struct exec *, struct err *);
	void (*close)(struct exec *);
};

struct exec { /* the beginning of every engine's own struct */
	const struct exec_ops *ops;
	int event; /* readable when one has ended; -1: it has to be asked */
};

#endif
