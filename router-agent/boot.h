/* Which boot of the host this is. */
#ifndef AGENT_BOOT_H
#define AGENT_BOOT_H

#include <stdbool.h>

#include "lib/attr.h"

#define BOOT_ID 40

/* The kernel's word for it; "" where it has none. */
void boot_id(char out[BOOT_ID]);
/*
 * Was the host booted since the state folder was used last?  Asked once in a
 * life: it is remembered, at one small write a boot.  A folder that never was
 * in use says no.
 */
bool boot_is_new(int statefd) KILN_MUST;

#endif
