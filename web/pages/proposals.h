/* What waits for a second person's word, where a farm wants one. */
#ifndef KILN_PAGES_PROPOSALS_H
#define KILN_PAGES_PROPOSALS_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/* m["proposals"], and who looks. */
int proposals_add(struct req *, json_t *m, struct err *) KILN_MUST;
/* A section, when there are any, with the forms of who may use them. */
void proposals_view(struct html *, const json_t *m);

#endif
