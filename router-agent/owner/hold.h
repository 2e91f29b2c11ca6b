/*
 * The owner's word that nothing is to change for a while: one number in the
 * state folder, read before each trial.
 */
#ifndef AGENT_HOLD_H
#define AGENT_HOLD_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define HOLD_FOR_EVER INT64_MAX /* pinned */

/* Until when; 0: nothing is held. */
int hold_read(int statefd, int64_t *until, struct err *) KILN_MUST;
int hold_write(int statefd, int64_t until, struct err *) KILN_MUST;

#endif
