/* An image beside another one, and beside the Debian it was built in. */
#ifndef KILN_PAGES_IMAGE_WITH_H
#define KILN_PAGES_IMAGE_WITH_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/*
 * m["debian"]: {"packages","bytes"} of the plan's lock, both 0 when nobody can
 * say.  m["with"]: null, or with an image's digest {"digest","recipe","size",
 * "files","rows":[{"path","here","there"}]}, sizes -1 where it is not there.
 * ERR_MISSING when that is no image of this farm.
 */
int image_with_add(json_t *m, struct web *, const char *plan, const char *with,
    struct err *) KILN_MUST;
void image_with_view(struct html *, const json_t *m);

#endif
