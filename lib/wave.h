/*
 * Who goes first: a release starts in waves.  SHA-256 of device and release
 * gives each router a place from 0 to 99, anew for each release, so that other
 * routers go first each time.  The first wave whose percent is above the place
 * is the router's.  The router keeps to it; the farm knows from the same
 * function who was due.
 */
#ifndef KILN_WAVE_H
#define KILN_WAVE_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

#define WAVE_LIST_MAX 64
#define WAVE_NEVER INT64_MAX /* no wave has this router */

unsigned wave_place(const struct hash *device, const struct hash *release);
/* Seconds after the release was first seen; 0 where there are no waves: NULL,
 * null or none. */
int wave_after(const json_t *waves, unsigned place, int64_t *seconds,
    struct err *) KILN_MUST;

#endif
