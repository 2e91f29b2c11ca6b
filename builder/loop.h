/* The builder's life: cycle after cycle, each for a reason. */
#ifndef KILN_LOOP_H
#define KILN_LOOP_H

#include "builder/cycle.h"
#include "lib/farm.h"

struct loop {
	int wake; /* datagrams: look at the requests */
	bool offline;
	const struct farm *farm; /* borrowed */
};

/* Until `stop`; 0, or -1 when the farm itself failed. */
int loop_run(struct builder *, const struct loop *, struct err *) KILN_MUST;
/* Removes "run-ID.log" files; at start. */
int loop_clean_logs(int logdir, struct err *) KILN_MUST;

#endif
