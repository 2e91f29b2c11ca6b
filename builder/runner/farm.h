/*
 * The farm, seen from a node: bytes by their digest, and somewhere to hand
 * them in, over HTTP with the attempt's secret.  All calls try again for
 * minutes: a node that was cut off reports late instead of having worked for
 * nothing.  Nothing that comes is believed before its digest is right.
 */
#ifndef KILN_RUNNER_FARM_H
#define KILN_RUNNER_FARM_H

#include <stdatomic.h>
#include <stdint.h>

#include "builder/exec/ticket.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/http.h"
#include "lib/store.h"

/* What the job's script says. */
struct job {
	char server[2001];
	char attempt[EXEC_ID];
	struct hash ticket;
	char cache[201];
	char secret[65];
};
/* Strict: each line once, nothing else. */
int job_read(struct job *, const void *, size_t, struct err *) KILN_MUST;

struct farm_link {
	const struct job *job;
	struct http *http;
	const atomic_bool *stop;
	int64_t patience_ms;
};

/* Into the store, unless it is there.  `tmpdir`: on the same disk. */
int farm_fetch(struct farm_link *, struct store *, int tmpdir,
    const struct hash *, struct err *) KILN_MUST;
/* A blob of the store. */
int farm_upload(struct farm_link *, struct store *, const struct hash *,
    struct err *) KILN_MUST;
int farm_hand_in(
    struct farm_link *, const struct handin *, struct err *) KILN_MUST;

#endif
