/*
 * From the set that runs to the one that is offered: what happens to each
 * service, and whether old and new machines fit into memory side by side.
 */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "router-agent/set.h"

enum plan_act {
	PLAN_KEEP,    /* same image, kernel and memory: its machine stays */
	PLAN_REPLACE, /* a machine of the old set goes when the new one is well
		       */
	PLAN_ADD,
};

struct plan {
	enum plan_act act[SET_SERVICES]; /* by index of the new set */
	bool remove[SET_SERVICES];	 /* by index of the old set */
	size_t changes;			 /* not kept, and removed */
	int64_t memory;			 /* of the machines to start */
	bool beside; /* false: the old ones stop first, and the LAN waits */
};

/* `current` may be NULL; `available` is the host's free memory in bytes. */
int plan_make(const struct set *current, const struct set *next,
    int64_t available, struct plan *, struct err *) KILN_MUST;
/* One line for each service. */
void plan_text(const struct plan *, const struct set *current,
    const struct set *next, struct buf *);
/* MemAvailable. */
int plan_memory(int64_t *, struct err *) KILN_MUST;

#endif
