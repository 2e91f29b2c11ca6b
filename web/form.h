/* application/x-www-form-urlencoded: what a browser's form posts. */
#ifndef KILN_FORM_H
#define KILN_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

/* The first field of this name, decoded; false when it is not there, is longer
 * than n - 1 bytes or holds a NUL. */
bool form_get(const struct buf *body, const char *name, char *out, size_t n);

#endif
