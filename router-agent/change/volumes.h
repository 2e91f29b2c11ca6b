/*
 * State volumes through a trial.  Each set has generations of its own
 * (machine/volume.h); the new one's are copies of those that run.
 *
 *	volumes_assign	  names them, before the trial is in the record; of
 *			  services that the owner does not run there are none
 *	volumes_stage	  for the first boot: the old machine is frozen for as
 *			  long as a copy takes; of the class exclusive it was
 *			  powered off before
 *	volumes_hand_over at the switch, of the class handoff: the old machine
 *			  is frozen for good, what it wrote since is copied,
 *			  and the new one starts again with it
 *
 * A way back is the old machine, thawed, with its own file.
 */
#ifndef AGENT_VOLUMES_H
#define AGENT_VOLUMES_H

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/switch.h"
#include "router-agent/set.h"

struct agent;
struct machine;

#define VOLUMES_FREEZE_MS 10000 /* for what is not on the disk yet */
#define VOLUMES_WELL_MS 60000	/* a machine that boots is waited for */

void volumes_assign(struct trial *, struct set *next);
/* Of service `i` of the new set; says why the trial fails. */
int volumes_stage(struct trial *, size_t i) KILN_MUST;
/* Returns with the new machines started again; their caller waits for them.
 * *moved: there were some. */
int volumes_hand_over(struct trial *, bool *moved) KILN_MUST;

/* What a machine wrote is in its file, and it writes no more. */
int volumes_freeze(struct machine *, struct err *) KILN_MUST;
void volumes_thaw(struct machine *);

/* Those of services that the owner configured since their set was committed:
 * what such a service left here, else empty ones. */
int volumes_begin(struct agent *, struct err *) KILN_MUST;
/* For a set that runs in another's place: it takes over what that wrote. */
void volumes_inherit(struct agent *, const struct set *from, struct set *to);
/* Removes what neither the running nor the previous set names, and what a
 * trial that is over left (`dead`, or NULL).  Of a service in neither set the
 * newest stays, for whenever it comes back. */
void volumes_sweep(struct agent *, const struct set *dead);

#endif
