/* What is inside of an image, as its plan says. */
#ifndef KILN_PAGES_IMAGE_FILES_H
#define KILN_PAGES_IMAGE_FILES_H

#include <stdint.h>

#include <jansson.h>

#include "web/html.h"
#include "web/req.h"

/* Of an artifact; -1: it is not in the store. */
int64_t image_stored_size(struct web *, const char *hex);
/* [{path, from, origin, sha256, size}], a new reference; size is -1 where the
 * plan cannot say. */
json_t *image_files(struct web *, const char *plan);
/* A section with a treemap of them, and the same as a table; nothing when
 * there are none.  `size`: of the whole image. */
void image_map_view(struct html *, const char *title, const char *id,
    const json_t *files, int64_t size);

#endif
