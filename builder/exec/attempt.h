/*
 * farm.db's rows of attempts: a run on another machine is attempted, by one
 * name after the other, until one of them hands in what counts.  A row is
 * there, durably, before the engine hears of the attempt.
 */
#ifndef KILN_ATTEMPT_H
#define KILN_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/exec/exec.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"

#define ATTEMPT_NODE 65

struct attempt {
	char id[EXEC_ID];
	int64_t run, number, quota;
	bool open;  /* it may still run */
	bool taken; /* what it handed in was looked at */
	struct hash ticket;
	char state[12], node[ATTEMPT_NODE];
};

/* 1: there is one, 0: none. */
int attempt_newest(
    struct db *, int64_t run, struct attempt *, struct err *) KILN_MUST;
int attempt_find(
    struct db *, const char *id, struct attempt *, struct err *) KILN_MUST;

struct attempt_new {
	const char *id, *engine, *secret, *exclude;
	int64_t run, number, quota;
	const struct hash *ticket;
};
/* `secret` itself; the row keeps its digest. */
int attempt_add(
    struct db *, const struct attempt_new *, struct err *) KILN_MUST;
/* The engine took it. */
int attempt_taken_in(
    struct db *, const char *id, const char *job, struct err *) KILN_MUST;
/* It waits or runs, where and why; written if it is news. */
int attempt_seen(struct db *, const struct exec_seen *, struct err *) KILN_MUST;
/* "lost", "cancelled", "refused", "same" or "differs"; `taken`: what it handed
 * in is done with. */
int attempt_end(struct db *, const char *id, const char *state, const char *why,
    bool taken, struct err *) KILN_MUST;
/* The node where the run is or was attempted last, "" if that is not known;
 * *open: one may still be placed. */
int attempt_node(struct db *, int64_t run, char node[ATTEMPT_NODE], bool *open,
    struct err *) KILN_MUST;
/* Where it was, unless that is known. */
int attempt_note_node(
    struct db *, const char *id, const char *node, struct err *) KILN_MUST;
/* At start without that engine: nobody waits for what it runs. */
int attempt_forget_all(struct db *, struct err *) KILN_MUST;

/* What the engine says of itself. */
int attempt_engine(struct db *, const char *name, bool healthy,
    const char *text, struct err *) KILN_MUST;
int attempt_node_row(
    struct db *, const struct exec_node *, struct err *) KILN_MUST;

#endif
