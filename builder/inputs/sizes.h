/*
 * The sizes of packages, which libsolv's reader of Packages leaves out: they
 * are picked up while the text passes on its way to it.
 */
#ifndef KILN_SIZES_H
#define KILN_SIZES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/hash.h"

struct sizes_entry {
	struct hash sha256;
	int64_t size;
};

struct sizes {
	struct sizes_entry *v;
	size_t n, cap;
};

void sizes_release(struct sizes *);
/* Reads `inner` as it is read; closing it closes `inner`.  NULL: no memory. */
FILE *sizes_tee(struct sizes *, FILE *inner);
void sizes_sort(struct sizes *); /* before the first sizes_find */
int64_t sizes_find(const struct sizes *, const struct hash *); /* -1: none */

#endif
