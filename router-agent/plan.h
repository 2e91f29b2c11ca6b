/*
 * From the set that runs to the one that is offered: what happens to each
 * service, whether old and new machines fit into memory side by side, and
 * whether what must be fetched fits on the disk.  A plan has a hash, by which
 * an owner who wants to be asked approves it.
 */
#ifndef AGENT_PLAN_H
#define AGENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/store.h"
#include "router-agent/conf.h"
#include "router-agent/set.h"

enum plan_act {
	PLAN_KEEP,    /* same image, kernel and memory: its machine stays */
	PLAN_REPLACE, /* a machine of the old set goes when the new one is well
		       */
	PLAN_ADD,
};

/* What there is to plan with. */
struct plan_host {
	int64_t memory;	     /* MemAvailable */
	int64_t disk;	     /* free for files below the state folder */
	const char *accel;   /* QEMU's own need depends on it */
	struct store *store; /* what is in it need not be fetched; or NULL */
	int volumes;	     /* folder of state volumes, or -1 */
	bool reflinks;	     /* its copies take no room */
	int64_t state_copy;  /* bytes of a volume that may be copied */
};
int plan_host(struct plan_host *, int statefd, struct store *, int volumes,
    const char *accel, int64_t state_copy, struct err *) KILN_MUST;
/* What QEMU, or a tender, takes besides the guest's own memory, in bytes. */
int64_t plan_overhead(const struct set_service *, const char *accel);

struct plan {
	enum plan_act act[SET_SERVICES]; /* by index of the new set */
	bool remove[SET_SERVICES];	 /* by index of the old set */
	size_t changes;			 /* not kept, and removed */
	int64_t memory;			 /* of the machines to start */
	int64_t download;		 /* whole images; deltas need less */
	int64_t copy;			 /* of state volumes */
	int64_t disk;			 /* with room to unpack, and copies */
	bool beside; /* false: the old ones stop first, and the LAN waits */
	struct hash hash;
};

/* `current` may be NULL.  -1: it cannot be carried out; nothing was begun.
 * err_cause() says no-space when it is the disk, too-large when a service
 * keeps more than may be copied. */
int plan_make(const struct set *current, const struct set *next,
    const struct plan_host *, struct plan *, struct err *) KILN_MUST;
/* Is there memory for one machine more of that service? */
bool plan_has_room(
    const struct set *, const struct set_service *, const struct plan_host *);
/* Does what the owner wrote fit what the set's images understand?  ERR_INPUT
 * with file, line and cause. */
int plan_config(
    const struct agent_conf *, const struct set *, struct err *) KILN_MUST;
/* Can the unikernels among them run here (machine/solo5.h)?  ERR_INPUT. */
int plan_unikernels(const struct agent_conf *, const struct set *,
    const struct plan_host *, struct err *) KILN_MUST;
/* One word for what these three failed at. */
const char *plan_cause(const struct err *);
/* Lines for people. */
void plan_text(const struct plan *, const struct set *current,
    const struct set *next, struct buf *);
/* The same for programs: new reference. */
json_t *plan_json(
    const struct plan *, const struct set *current, const struct set *next);

#endif
