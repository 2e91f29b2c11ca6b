/* What programs post. */
#ifndef KILN_API_H
#define KILN_API_H

#include "web/req.h"

void api_report(struct req *, struct reply *);
void api_hook(struct req *, struct reply *);

#endif
