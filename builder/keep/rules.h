/* How much `kiln gc` leaves that nothing else needs: kiln.yaml, "keep". */
#ifndef KILN_KEEP_RULES_H
#define KILN_KEEP_RULES_H

#include <stdint.h>

struct keep_rules {    /* kiln.yaml, "keep" */
	int64_t plans; /* newest of each recipe and stage */
	int64_t sets;  /* newest of each channel and architecture */
	int64_t logs;  /* seconds */
	int64_t age;   /* seconds; nothing younger goes */
	int64_t every; /* seconds between two times of itself; 0: never */
};
#define KEEP_RULES_DEFAULT                                          \
	{                                                           \
		.plans = 3, .sets = 4, .logs = (int64_t)90 * 86400, \
		.age = (int64_t)7 * 86400, .every = 86400           \
	}

#endif
