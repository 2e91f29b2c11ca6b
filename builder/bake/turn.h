/*
 * Whose turn it is to change what the store and env/ hold: a cycle of the
 * builder, or a command that removes or mends.  The lock work/turn dies with
 * its process.
 */
#ifndef KILN_TURN_H
#define KILN_TURN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

/* Waits up to `ms` (-1: for ever), or until *stop (may be NULL): ERR_BUSY
 * names the process that has it.  Close what it returns. */
int turn_take(
    int workdir, int64_t ms, const atomic_bool *stop, struct err *) KILN_MUST;

#endif
