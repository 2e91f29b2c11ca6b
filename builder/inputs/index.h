/*
 * Asking the index worker: what archives wrote is read there and nowhere
 * else.  It keeps what it has loaded until it is given other indexes.
 */
#ifndef KILN_INDEX_H
#define KILN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/inputs/lock.h"
#include "builder/inputs/stock.h"
#include "builder/inputs/worker.h"

/* A Release file, after its signature was checked. */
struct index_file {
	char *path;
	struct hash sha256;
	int64_t size;
};

struct release {
	char *codename;
	int64_t date, valid_until; /* Unix seconds; valid_until -1: none */
	bool by_hash;
	struct index_file *files; /* those asked for that it lists */
	size_t nfiles;
};

void release_release(struct release *);
#define auto_release __attribute__((cleanup(release_release)))
const struct index_file *release_file(const struct release *, const char *path);

/* `text` is read from its beginning. */
int index_release(struct worker *, int text, const char *const *paths,
    size_t npaths, struct release *, struct err *) KILN_MUST;

/* The indexes of a suite for an architecture, by digest. */
struct index_suite {
	const char *name, *arch;
	struct hash packages, sources;
	int packages_fd;
	int sources_fd; /* -1: no source package will be asked for */
};

/* Suites in the order in which equal versions are taken.  Loads them unless
 * they are loaded; all that follows is answered from them. */
int index_open(struct worker *, const struct index_suite *, size_t,
    struct err *) KILN_MUST;
/*
 * The closure of `names` in that architecture, highest versions over all
 * suites, Recommends ignored, Essential packages not added; where a dependency
 * leaves a choice, INDEX_FAVOURED decide.  Adds to both lists, unsorted.
 * ERR_INPUT: a name that is in no suite, or a closure that cannot be.
 */
int index_solve(struct worker *, const char *arch, const char *const *names,
    size_t, struct lock_packages *, struct lock_names *consulted,
    struct err *) KILN_MUST;
/* The names on a whole Debian: stock.h. */
int index_stock(struct worker *, const char *arch, const char *const *names,
    size_t, struct stock *, struct err *) KILN_MUST;
/* Files of each source package's highest version. */
int index_sources(struct worker *, const char *const *names, size_t,
    struct lock_sources *, struct err *) KILN_MUST;
/*
 * What of an index (Packages.xz, or Sources.xz) could matter to a lock,
 * written to `out` (facts.h); nothing has to be loaded.
 */
int index_facts(struct worker *, int index, int out, struct err *) KILN_MUST;
/* Adds the names of what is other, provided ones included, unsorted; -1 for
 * one of the two: all of the other.  ERR_INPUT: facts that are damaged. */
int index_diff(struct worker *, int old, int now, struct lock_names *,
    struct err *) KILN_MUST;
/* Does that suite list just this (same name, version, architecture, path,
 * size and digest)?  ERR_TRUST when not. */
int index_check_package(
    struct worker *, const struct lock_package *, struct err *) KILN_MUST;
int index_check_source(
    struct worker *, const struct lock_source *, struct err *) KILN_MUST;

#endif
