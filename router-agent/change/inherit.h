/*
 * Machines outlive the agent's program: when another takes over, it is the
 * same process (execve), so that QEMU and the watchers stay its children and
 * the LAN's packets go on without it.  What the next one has to know goes over
 * in a memory file, as kiln/agent-machines of docs/formats.md: versioned, for
 * the next program may be a newer one, and checked, for it may be an older.
 *
 * What cannot be taken over, since the configuration or the set is another,
 * is ended and started anew.
 */
#ifndef AGENT_INHERIT_H
#define AGENT_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

struct agent;

/* Runs `program` in this process, with the machines; `word` is what the
 * supervisor would have given it (supervise.h).  Returns only on failure: no
 * machine was touched then. */
int inherit_leave(
    struct agent *, const char *program, const char *word, struct err *);

/* Reads what the program before left, if there is anything. */
void inherit_open(struct agent *);
/* Are the ports as they are to be?  Then they are not made anew. */
bool inherit_ports(struct agent *);
/* Service `i` of the running set has its machine already? */
bool inherit_machine(struct agent *, size_t i);
/* Ends what nobody took. */
void inherit_close(struct agent *);

#endif
