/* Between a route and its handler: may whoever asks do this? */
#ifndef KILN_GUARD_H
#define KILN_GUARD_H

#include <stdbool.h>

#include "web/req.h"
#include "web/route.h"

/* Fills req->who from a cookie or a bearer token; false when the reply says
 * why not.  What changes state needs a page of ours as its origin and its
 * session's word, unless a token asks, which no browser sends by itself. */
bool guard(struct req *, struct reply *, const struct route *);

#endif
