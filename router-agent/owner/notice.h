/*
 * Word to the owner, by what agent.yaml names: a program that takes a mail on
 * its standard input, a program that is given the event's name (an LED), and
 * an URL that gets the same as JSON.  Three events: updated, rolled-back,
 * needs-you; the same sentence is told once in a row.
 */
#ifndef AGENT_NOTICE_H
#define AGENT_NOTICE_H

#include "lib/attr.h"

struct agent;

enum notice_event {
	NOTICE_UPDATED,
	NOTICE_ROLLED_BACK,
	NOTICE_NEEDS_YOU,
};

/* Never fails: what cannot be told is logged. */
void notice_tell(struct agent *, enum notice_event, const char *sentence);

#endif
