/*
 * Memory.  Having none ends the process with exit code 1 and one line on
 * stderr: no caller has anything better to do.  A length that came from
 * outside must have met its limit before it comes here.
 */
#ifndef KILN_MEM_H
#define KILN_MEM_H

#include <stddef.h>

#include "lib/attr.h"

/* Somebody else's allocation failed: the same end. */
void mem_none(void) KILN_NORETURN;

void *mem_alloc(size_t) KILN_MUST;		     /* contents undefined */
void *mem_zero(size_t count, size_t size) KILN_MUST; /* overflow checked */
void *mem_dup(const void *, size_t) KILN_MUST;
char *mem_str(const char *) KILN_MUST; /* strdup; NULL gives NULL */
char *mem_strn(const char *, size_t) KILN_MUST;
char *mem_printf(const char *fmt, ...) KILN_PRINTF(1, 2) KILN_MUST;
void *mem_resize(void *, size_t count, size_t size) KILN_MUST;

/* Make room for one more element of an array that grows by doubling. */
#define MEM_GROW(array, count, cap)                                       \
	do {                                                              \
		if ((count) == (cap)) {                                   \
			(cap) = (cap) ? 2 * (cap) : 8;                    \
			(array) =                                         \
			    mem_resize((array), (cap), sizeof(*(array))); \
		}                                                         \
	} while (0)

#endif
