/*
 * How much a running build has written: bytes on disk and entries of its
 * folders, seen from outside while it goes on writing.
 *
 * A folder that the build closed to its own user (mode 0) is not entered:
 * limits.disk_free is the wall behind this one.
 */
#ifndef KILN_USAGE_H
#define KILN_USAGE_H

#include <stdint.h>

struct usage {
	int64_t bytes; /* of blocks, a file with several names counted once */
	int64_t files; /* files, folders, links … */
};

/* Adds what lies below dirfd; stops early once more than `most` entries are
 * counted. */
void usage_add(int dirfd, int64_t most, struct usage *);

#endif
