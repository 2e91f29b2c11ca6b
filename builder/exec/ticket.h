/*
 * What travels between the farm and a node: kiln/ticket, which says what is
 * to be run, and kiln/handin, which says what came of it (docs/formats.md).
 * Both are read strictly: a node may be in enemy hands, and so may whoever
 * calls itself the farm.
 */
#ifndef KILN_TICKET_H
#define KILN_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/bake/build.h"
#include "builder/exec/exec.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

/* The part of a build's order that a node needs. */
struct ticket {
	struct hash plan;
	char lane;
	unsigned vary;
	struct limits limits;
	int64_t process_memory;
};
json_t *ticket_json(const struct ticket *); /* new reference */
int ticket_read(struct ticket *, const char *what, const void *, size_t,
    struct err *) KILN_MUST;

enum handin_outcome {
	HANDIN_SUCCEEDED,
	HANDIN_FAILED, /* the build did */
	HANDIN_LOST,   /* the node did: it counts for nothing */
};

struct handin {
	char attempt[EXEC_ID];
	struct hash ticket, plan, environment;
	char lane;
	char node[65];
	enum handin_outcome outcome;
	int64_t log_size;
	struct build_result result; /* machine, outputs, log, times, cause */
};
void handin_release(struct handin *);
#define auto_handin __attribute__((cleanup(handin_release)))
json_t *handin_json(const struct handin *); /* new reference */
int handin_read(struct handin *, const char *what, const void *, size_t,
    struct err *) KILN_MUST;

bool exec_id_ok(const char *); /* 32 lower-case hex digits */

#endif
