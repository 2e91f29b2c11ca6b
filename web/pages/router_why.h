/* Why a router runs nothing newer, from what it said last. */
#ifndef KILN_PAGES_ROUTER_WHY_H
#define KILN_PAGES_ROUTER_WHY_H

#include <jansson.h>

#include "lib/buf.h"

/* `newest`: rows of channel, arch, counter, timestamp.  Appends a sentence. */
void router_why(const json_t *router, const json_t *newest, struct buf *);

#endif
