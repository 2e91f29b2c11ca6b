/* What went into a service, as SPDX 2.3 JSON: facts of the lock alone, no
 * scanning, no date; the same lock gives the same bytes anywhere. */
#ifndef KILN_SBOM_H
#define KILN_SBOM_H

#include <jansson.h>

#include "builder/inputs/lock.h"
#include "lib/buf.h"

/* New reference. */
json_t *sbom_make(
    const struct lock *, const char *service, const char *version);

/* Appends a package's purl: "pkg:deb/debian/NAME@VERSION?arch=ARCH". */
void sbom_purl(const struct lock_package *, struct buf *);

#endif
