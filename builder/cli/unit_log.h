/*
 * What `kiln up` lets a program's log grow to: once it is larger, it becomes
 * NAME.log.1 (the one before is gone) and goes on empty.  The program has it
 * open for appending and knows nothing of that; a line that it writes in just
 * that moment may be lost.  Under systemd its journal does this.
 */
#ifndef KILN_UNIT_LOG_H
#define KILN_UNIT_LOG_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define UNIT_LOG_MAX (16 << 20)	     /* bytes */
#define UNIT_LOG_LOOK_MS (60 * 1000) /* between two looks */

/* `logdir`: log/.  Does nothing below `max` bytes, or when it is not there. */
int unit_log_turn(
    int logdir, const char *name, int64_t max, struct err *) KILN_MUST;

#endif
