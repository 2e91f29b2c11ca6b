/*
 * KVM or plain emulation.  /dev/kvm may be there and yet hang every guest, so
 * `auto` believes it only after a real kernel has said something on its
 * console in time; the answer is remembered until the next boot of the host.
 */
#ifndef AGENT_ACCEL_H
#define AGENT_ACCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/conf.h"

#define ACCEL_PROBE_MS 5000 /* a kernel under KVM speaks within 0.2 s */

struct accel {
	char kind[4];  /* "tcg" or "kvm" */
	char why[160]; /* one sentence */
	bool settled;  /* false: kvm, and the first machine is the probe */
};

void accel_choose(struct accel *, const struct agent_conf *, int statefd);
/* What the probe showed; remembered for this boot. */
void accel_worked(struct accel *, int64_t ms, int statefd);
void accel_failed(struct accel *, const char *how, int statefd);

#endif
