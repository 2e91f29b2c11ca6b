/* When to look again: every interval carries jitter, so that farms which
 * were started by the same event do not come at once for ever. */
#ifndef KILN_PACE_H
#define KILN_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/settings.h"

#define PACE_RETRY_S                                            \
	300 /* when something could not be reached, or was lost \
	     */
#define PACE_RETRY_JITTER_S 60
#define PACE_ASKED_S 60 /* requests to look come no faster */

uint32_t pace_random(void);
/* Milliseconds to the next look: poll and up to jitter more, or, when not
 * everything was reached, what pace_retry_ms() says if that is sooner. */
int64_t pace_poll_ms(const struct settings *, bool reached, uint32_t random);
int64_t pace_retry_ms(uint32_t random);

#endif
