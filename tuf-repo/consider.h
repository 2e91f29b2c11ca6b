/*
 * Which release of each service and architecture shall stand: the one of the
 * plan that is current in farm.db, else the newest, as far as it is whole and
 * reproduced.  The rest gets a row in `refusal` that says why not.
 */
#ifndef KILN_CONSIDER_H
#define KILN_CONSIDER_H

#include "tuf-repo/release.h"
#include "tuf-repo/repo.h"

struct choice {
	struct release *list;
	size_t n, cap;
};

/* Chooses for one service role; `listed` is its newest complete file or
 * NULL. */
int consider_service(struct repo *, const char *role,
    const struct tuf_file *listed, struct choice *, struct err *) KILN_MUST;
void choice_release(struct choice *);
/* Refuses releases of services that `targets` does not delegate. */
int consider_strangers(
    struct repo *, const struct tuf_file *targets, struct err *) KILN_MUST;
/* Records what was chosen as standing, listed at `serial` (only for those
 * that have none yet or are listed anew).  Inside a transaction. */
int consider_record(struct repo *, const struct release *, int64_t serial,
    struct err *) KILN_MUST;
/* min_serial of the service; 1 when nothing was withdrawn. */
int withdrawn_below(
    struct repo *, const char *service, int64_t *, struct err *) KILN_MUST;

#endif
