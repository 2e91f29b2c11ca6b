/*
 * A lock with all its bytes as one uncompressed tar: `lock.json`, then
 * `blobs/HEX` for each artifact it names, sorted, with nothing in it of the
 * day or the machine.
 */
#ifndef KILN_LOCK_TAR_H
#define KILN_LOCK_TAR_H

#include "builder/inputs/lock.h"

int lock_tar_write(
    struct store *, const struct lock *, int fd, struct err *) KILN_MUST;
/*
 * Reads one, strictly: any other entry, an artifact that the lock does not
 * name or that has another digest, is refused.  The artifacts are in the
 * store afterwards, and the lock is complete; it is neither judged nor
 * stored: lock_accept does that.
 */
struct lock *lock_tar_read(
    struct store *, int fd, int tmpdir, struct err *) KILN_MUST;

#endif
