/*
 * The packages of a few suites, and the closure of some of them, by libsolv.
 *
 * Only the highest version of each name over all suites can be chosen, as
 * apt's default pin has it.  A name gives the same closure for the same
 * indexes, always.  Runs in the index worker.
 */
#ifndef KILN_DEBS_H
#define KILN_DEBS_H

#include <stddef.h>

#include "builder/inputs/lock.h"
#include "builder/inputs/stock.h"

struct debs;

struct debs *debs_new(const char *arch);
void debs_drop(struct debs *); /* NULL is fine */
/* Reads Packages.xz; suites in the order in which equal versions count. */
int debs_add_suite(
    struct debs *, const char *name, int packages_xz, struct err *) KILN_MUST;
/* After the last suite. */
void debs_ready(struct debs *);
/* `consulted`: every name that libsolv could have looked at, whatever it then
 * chose: a state of the archive that is the same for all of them gives the
 * same closure. */
int debs_solve(struct debs *, const char *const *names, size_t,
    struct lock_packages *, struct lock_names *consulted,
    struct err *) KILN_MUST;
/* A whole Debian (stock.h) with those of the names that there are; nothing
 * but their own names if no package is of such a priority. */
int debs_stock(struct debs *, const char *const *names, size_t, struct stock *,
    struct err *) KILN_MUST;
int debs_check(
    struct debs *, const struct lock_package *, struct err *) KILN_MUST;
/* As dpkg --compare-versions. */
int debs_version_compare(struct debs *, const char *, const char *);

#endif
