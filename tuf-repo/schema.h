/*
 * tuf.db: what was signed, collected and published, and why something was
 * not.  kiln-tuf is its only writing uid; kiln-web and the command line read
 * publication, published_set, served_cycle, release and refusal.
 */
#ifndef KILN_TUF_SCHEMA_H
#define KILN_TUF_SCHEMA_H

#include <stddef.h>

extern const char *const tuf_migrations[];
extern const size_t tuf_migrations_count;

#endif
