/* The word somebody probably meant. */
#ifndef KILN_NEAR_H
#define KILN_NEAR_H

#include <stddef.h>

struct near {
	const char *typed;
	const char *best; /* borrowed; NULL when nothing is close */
	size_t distance;
};

void near_init(struct near *, const char *typed);
/* Letters inserted, left out, changed or swapped with their neighbour; at
 * most a third of the word, and the first tried wins among equals. */
void near_try(struct near *, const char *word);

#endif
