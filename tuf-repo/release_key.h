/*
 * The release key: chooses what stable routers run and takes brakes off.  It
 * lies offline; only `promote` and `resume` open it, as root, for one
 * signature, and close it.
 */
#ifndef KILN_RELEASE_KEY_H
#define KILN_RELEASE_KEY_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/work.h"

/* Work that reads what others wrote, in a child without root's rights: its
 * repo is open.  What it adds to `out` and `shown` comes back. */
typedef int release_draft(
    struct repo *, void *arg, struct buf *out, struct buf *shown, struct err *);
int release_draft_apart(struct work *, release_draft *, void *arg,
    struct buf *out, struct buf *shown, struct err *) KILN_MUST;
/* {"signatures":[…],"signed":BYTES} by every release key that lies in
 * keys/offline; ERR_MISSING when there is none. */
int release_sign(int offline, struct key_access *, const struct buf *bytes,
    struct buf *file, struct err *) KILN_MUST;

#endif
