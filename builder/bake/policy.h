/*
 * What kiln itself adds to every build: the sandbox's rules, the fix-up
 * table of environments, the script that assembles images, the version of
 * plans.  A change of any makes every plan a new one.
 */
#ifndef KILN_POLICY_H
#define KILN_POLICY_H

#include <stddef.h>

#include "lib/buf.h"
#include "lib/hash.h"

/* builder/policy/assemble.sh, as it was when this program was built. */
struct span policy_assemble(void);
void policy_digest(struct hash *);

#endif
