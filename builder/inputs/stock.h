/*
 * A service on a whole Debian, for comparison: all packages of Priority
 * required and important, those that a recipe takes its service from, and
 * what they depend on, each with its Installed-Size as the archive's own
 * index has it.
 */
#ifndef KILN_STOCK_H
#define KILN_STOCK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/hash.h"

struct stock_package {
	char *name, *version;
	int64_t bytes; /* Installed-Size: as it lies on a disk, about */
};

struct stock {
	struct stock_package *v;
	size_t n, cap;
};
void stock_release(struct stock *);
#define auto_stock __attribute__((cleanup(stock_release)))

/* Copies the texts. */
void stock_add(
    struct stock *, const char *name, const char *version, int64_t bytes);

/* farm.db's `stock`: what the archive held when the lock was made; the first
 * that was written stays. */
int stock_keep(struct db *, const struct hash *lock, const struct stock *,
    struct err *) KILN_MUST;
int stock_known(
    struct db *, const struct hash *lock, bool *known, struct err *) KILN_MUST;

#endif
