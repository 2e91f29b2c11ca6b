/* The few files of our own that pages refer to, linked into the program. */
#ifndef KILN_ASSET_H
#define KILN_ASSET_H

#include "web/req.h"

void asset_reply(struct req *, struct reply *); /* part[0]: name */

void asset_openapi(struct req *, struct reply *);

/* At the end, after the server. */
void asset_free(void);

#endif
