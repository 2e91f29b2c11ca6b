/* What a lock has other than the one before: rows of lock_change. */
#ifndef KILN_PAGES_CHANGES_H
#define KILN_PAGES_CHANGES_H

#include <jansson.h>

#include "web/html.h"

void changes_view(struct html *, const char *caption, const json_t *rows);

#endif
