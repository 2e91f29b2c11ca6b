/*
 * The engine of one machine: each run in a thread of this process, since
 * collecting one build's outputs must not keep another from being watched.
 * Threads touch no database.
 */
#ifndef KILN_EXEC_LOCAL_H
#define KILN_EXEC_LOCAL_H

#include "builder/bake/build.h"
#include "builder/exec/exec.h"
#include "lib/attr.h"
#include "lib/err.h"

/* At most `places` at a time.  What `place` points at must live as long. */
struct exec *exec_local_open(
    const struct build_place *, int places, struct err *) KILN_MUST;

#endif
