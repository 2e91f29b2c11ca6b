/*
 * How fast this processor counts.  Under TCG a guest reads the host's time
 * stamp counter, and a microvm has nothing good to measure it against: Linux
 * hung there in one boot of four, and in all of them on a busy host.  Told the
 * number (tsc_early_khz), it measures nothing.
 */
#ifndef AGENT_TSC_H
#define AGENT_TSC_H

#include <stdint.h>

#include "lib/attr.h"

/* Thousands of ticks a second, measured for 50 ms; 0 where there is no such
 * counter.  tsc_khz measures once and says the same from then on. */
int64_t tsc_measure(void);
int64_t tsc_khz(void);
/* The command line for a guest of `arch` under `accel`: with the number where
 * it helps and nobody gave it.  malloc'ed. */
char *tsc_cmdline(
    const char *cmdline, const char *arch, const char *accel) KILN_MUST;

#endif
