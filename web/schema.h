/* web.db: accounts, requests and reports.  kiln-web is its only writer. */
#ifndef KILN_WEB_SCHEMA_H
#define KILN_WEB_SCHEMA_H

#include <stddef.h>

extern const char *const web_migrations[];
extern const size_t web_migrations_count;

#endif
