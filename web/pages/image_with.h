/* An image beside another one, beside the Debian it was built in, and beside
 * a whole Debian that gives the same service. */
#ifndef KILN_PAGES_IMAGE_WITH_H
#define KILN_PAGES_IMAGE_WITH_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/*
 * m["debian"]: {"packages","bytes"} of the plan's lock, m["stock"]: the row of
 * farm.db's `stock` of that lock, {"packages","bytes","list":[{"name",
 * "version","bytes"}]}, largest first; 0 where nobody can say.  m["with"]:
 * null, or with an image's digest {"digest","recipe","size","files","rows":
 * [{"path","here","there"}]}, sizes -1 where it is not there.  ERR_MISSING
 * when that is no image of this farm.
 */
int image_with_add(json_t *m, struct web *, const char *plan, const char *with,
    struct err *) KILN_MUST;
void image_with_view(struct html *, const json_t *m);

#endif
