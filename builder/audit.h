/*
 * The alarm for what was believed without being done: of the plans that an
 * event led to and whose outputs were known already, a random share runs once
 * more, in either lane (kiln.yaml, `audit`).  Other bytes than the verdict
 * rests on make the verdict `differs`, and nothing that holds them is
 * published any more.
 */
#ifndef KILN_AUDIT_H
#define KILN_AUDIT_H

#include "builder/task.h"

/* Queues them; *any tells. */
int audit_choose(struct builder *, struct task *, size_t n, bool *any,
    struct err *) KILN_MUST;
/* What came of one. */
int audit_ended(struct builder *, struct task *, struct work_slot *,
    struct cycle *, struct err *) KILN_MUST;

#endif
