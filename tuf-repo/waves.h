/* Waves and windows of a set: how many routers start it when, and in which
 * hours of theirs. */
#ifndef KILN_WAVES_H
#define KILN_WAVES_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define WAVES_MAX 16

/* "0:10,24:50,72:100": hours and percent, both growing.  New reference. */
json_t *waves_parse(const char *, struct err *) KILN_MUST;
/* [{"after_h","percent"}…] under the same rules. */
int waves_check(const json_t *, struct err *) KILN_MUST;
void waves_text(const json_t *, struct buf *);
/* "02:00-05:00", the router's own time: {"from","to"}. */
json_t *window_parse(const char *, struct err *) KILN_MUST;
int window_check(const json_t *, struct err *) KILN_MUST; /* null is fine */

#endif
