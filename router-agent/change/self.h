/*
 * The agent's own program: reports to its supervisor (supervise.h) that it is
 * healthy, and puts another one into the free slot when the committed set
 * names one.  Without a supervisor it does neither.
 */
#ifndef AGENT_SELF_H
#define AGENT_SELF_H

#include <stdbool.h>

struct agent;

/* Whose program this is: from the environment that the supervisor gave. */
void self_open(struct agent *);
/* Tells the supervisor once all machines answer. */
void self_step(struct agent *);
/* Installs what the committed set names, and goes on as that program: it does
 * not return then.  True: the agent is to end, so that it is started. */
bool self_update(struct agent *);

#endif
