#ifndef FLEET_CLOCK_H
#define FLEET_CLOCK_H

#include <stdint.h>

#define CLOCK_SET "fleet.clock"

/* Makes it in the working directory; NULL: it cannot be. */
int64_t *clock_make(void);

#endif
