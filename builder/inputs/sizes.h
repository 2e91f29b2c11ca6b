/*
 * What libsolv's reader of Packages leaves out, the sizes of packages above
 * all: it is picked up while the text passes on its way to it.
 */
#ifndef KILN_SIZES_H
#define KILN_SIZES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/hash.h"

struct sizes_entry {
	struct hash sha256;
	int64_t size;
	int64_t installed; /* bytes; 0: it does not say */
	bool base;	   /* Priority: required or important */
};

struct sizes {
	struct sizes_entry *v;
	size_t n, cap;
};

void sizes_release(struct sizes *);
/* Reads `inner` as it is read; closing it closes `inner`.  NULL: no memory. */
FILE *sizes_tee(struct sizes *, FILE *inner);
void sizes_sort(struct sizes *); /* before the first sizes_find */
/* NULL: none. */
const struct sizes_entry *sizes_find(const struct sizes *, const struct hash *);

#endif
