/* The records of two years: see history.c. */
#ifndef KILN_BENCH_HISTORY_H
#define KILN_BENCH_HISTORY_H

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/farm.h"
#include "lib/hash.h"

/* What time_now() says from here on: `part` of `whole` is over. */
void history_clock(int64_t part, int64_t whole);
/* A digest of something that does not lie in the store. */
void history_digest(struct hash *, const char *what, int64_t a, int64_t b);

int history_runs(const struct farm *, int64_t runs, struct err *) KILN_MUST;
int history_routers(
    const struct farm *, int64_t routers, struct err *) KILN_MUST;

#endif
