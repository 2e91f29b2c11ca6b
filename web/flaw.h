/*
 * From a library's flaw to the one act that mends the fleet: which published
 * sets hold the package and in which version, how many routers run them, which
 * newest images have another version, and which channel already offers those,
 * so that promoting it is all there is left to do.
 *
 * What an image holds is read from its SBOM, which names everything in it
 * however far down; an image without one is not known to hold anything.
 */
#ifndef KILN_WEB_FLAW_H
#define KILN_WEB_FLAW_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/req.h"

#define FLAW_PACKAGE_MAX 128

/*
 * {"package","sets":[{"channel","arch","counter","routers","services":[
 *   {"service","image","versions","newest","newest_versions","behind"}],
 *   "behind","from","why"}]}
 * "from": the channel to promote from, or null; "why": one sentence.  A new
 * reference; ERR_INPUT when that is no package's name.
 */
json_t *flaw_model(struct web *, const char *package, struct err *) KILN_MUST;

#endif
