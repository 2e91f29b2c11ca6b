/* URLs of a TUF repository: appended to a base that is never re-encoded. */
#ifndef KILN_AGENT_REFRESH_URL_H
#define KILN_AGENT_REFRESH_URL_H

#include <stdbool.h>

#include "lib/tuf.h"

/* The target's own URL; `prefixed`: consistent snapshots, dir/HASH.name
 * (TUF 5.7.3).  Slashes of the path stay, as do the characters that RFC 3986
 * lets a path have.  malloc'ed. */
char *url_target(const char *base, const struct tuf_target *, bool prefixed);

#endif
