/*
 * The signed part of a service role as a product: a pure function of what was
 * listed before, the releases that are new, and three numbers.  Every
 * rebuilder arrives at the same bytes (tuf.md, "k of n").
 */
#ifndef KILN_SERVICE_H
#define KILN_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tuf-repo/release.h"

#include "lib/tuf.h"

#define SERVICE_KEEP 8 /* releases listed for each architecture */

/*
 * New reference.  `previous` NULL: first version.  Targets below
 * `min_serial` are left out; `fresh` ones get version as their serial.
 */
json_t *service_product(const char *role, const struct tuf_file *previous,
    int64_t version, int64_t expires, int64_t min_serial,
    const struct release *const *fresh, size_t nfresh) KILN_MUST;
/* Does the file list all of the release, as it is described now? */
bool service_lists(const struct tuf_file *, const struct release *);
int64_t service_min_serial(const struct tuf_file *);
int64_t target_serial(const struct tuf_target *); /* 0: none */
/* "ARCH" of images/SERVICE/ARCH/HEX, into `out`; false: another form. */
bool target_arch(const struct tuf_target *, char out[TARGET_PATH_MAX]);

#endif
