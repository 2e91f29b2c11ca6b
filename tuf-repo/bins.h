/*
 * Plain hash bins (TUF 4.5, `path_hash_prefixes`) for the one role whose list
 * grows: transport, which has a form or more for every image of every service.
 * Service roles need none: each lists SERVICE_KEEP releases.
 *
 * There are 0 bins, or a power of two.  A bin is named after the first of the
 * 4096 three-digit prefixes that it covers, "transport-0a0", so when bins are
 * halved the old names stay, with half of their prefixes, and what snapshot
 * lists never goes away.
 */
#ifndef KILN_BINS_H
#define KILN_BINS_H

#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/hash.h"
#include "lib/tuf.h"

#define BINS_PLAIN 128 /* so many targets the role lists itself */
#define BINS_MIN 16
#define BINS_MAX 512
#define BIN_NAME 16 /* "transport-0a0" with NUL */

/*
 * How many for so many targets: where what a router fetches after a change,
 * the snapshot's entries (130 bytes a bin) and one bin (330 bytes a target),
 * is least, which is at the square root of 2.5 times the targets.
 */
size_t bins_for(size_t ntargets);
void bin_name(size_t bins, size_t i, char out[BIN_NAME]);
/* The bin of a target's path. */
size_t bin_of(size_t bins, const char *path);
/*
 * `delegations` of the role: every bin with the keys and the threshold that
 * the role itself has in `delegator`, terminating.  New reference.
 */
json_t *bins_delegations(
    size_t bins, const struct tuf_file *delegator, const char *role) KILN_MUST;

#endif
