/* From a request to its reply: which handler, and what every one may ask. */
#ifndef KILN_DISPATCH_H
#define KILN_DISPATCH_H

#include "web/req.h"

/* Fills the reply, whatever happens. */
void dispatch(struct req *, struct reply *);

#endif
