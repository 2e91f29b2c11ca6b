/* What a set has other than the one before it in its channel: services, their
 * versions, and the security updates that came with them. */
#ifndef KILN_PAGES_RELEASE_NOTES_H
#define KILN_PAGES_RELEASE_NOTES_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/* m["sets"], newest first, each with "bytes": gives each "notes", its "set"
 * instead of the bytes, and "routers". */
int release_notes_add(json_t *m, struct web *, struct err *) KILN_MUST;
/* A <li>. */
void release_note_view(struct html *, const json_t *note);

#endif
