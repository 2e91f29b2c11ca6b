/*
 * farm.db: the builder's memory.  kiln-builder is its only writer; kiln-tuf,
 * kiln-web and the command line read it.  docs/formats.md explains the tables.
 */
#ifndef KILN_SCHEMA_H
#define KILN_SCHEMA_H

#include <stddef.h>

extern const char *const farm_migrations[];
extern const size_t farm_migrations_count;

#endif
