/*
 * Landlock: from here on this process and its children reach no file but
 * those below the folders it was given.  Kernels before 5.13, or configured
 * without it, have none; that is the caller's to say once.
 */
#ifndef KILN_LANDLOCK_H
#define KILN_LANDLOCK_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

/*
 * Below each folder files may be read, made, written and listed; nothing may
 * be executed anywhere, and, as far as the kernel knows how, no TCP port bound
 * or connected to, no abstract socket reached and no foreign process
 * signalled.  Descriptors that are open stay as they are.  Needs no_new_privs.
 * 1: it holds, 0: this kernel has no Landlock, -1: it failed.
 */
int landlock_only(const int *dirfds, size_t n, struct err *) KILN_MUST;

#endif
