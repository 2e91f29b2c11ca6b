/* From a request to its reply: which handler, and what every one may ask. */
#ifndef KILN_DISPATCH_H
#define KILN_DISPATCH_H

#include "web/req.h"
#include "web/route.h"

/* All there is to ask for, and who may. */
extern const struct route dispatch_routes[];

/* Fills the reply, whatever happens. */
void dispatch(struct req *, struct reply *);

#endif
