/*
 * The source packages of a few suites, from Sources.xz.  Runs in the index
 * worker.
 */
#ifndef KILN_DSCS_H
#define KILN_DSCS_H

#include <stddef.h>

#include "builder/inputs/debs.h"
#include "builder/inputs/lock.h"

struct dscs;

struct dscs *dscs_new(void);
void dscs_drop(struct dscs *); /* NULL is fine */
int dscs_add_suite(
    struct dscs *, const char *name, int sources_xz, struct err *) KILN_MUST;
void dscs_ready(struct dscs *); /* after the last suite */
/* Adds the files of that source package's highest version; of equal ones,
 * the earlier suite's. */
int dscs_files(struct dscs *, struct debs *, const char *name,
    struct lock_sources *, struct err *) KILN_MUST;
int dscs_check(
    struct dscs *, const struct lock_source *, struct err *) KILN_MUST;

#endif
