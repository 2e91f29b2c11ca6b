/*
 * A file that a command writes for its caller.  Only the caller may write
 * where it is to be, and only a lesser user should read the farm: a child
 * writes into a file that has no name yet.
 */
#ifndef KILN_OUTFILE_H
#define KILN_OUTFILE_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"

/* In the child, which may drop. */
typedef int outfile_fn(void *arg, int fd, struct err *);

/* An exit code; where the child failed it has said why (`where`: the
 * command).  0: the file is there, whole. */
int outfile_write(const char *path, outfile_fn *, void *arg, const char *where,
    bool json, struct err *) KILN_MUST;

#endif
