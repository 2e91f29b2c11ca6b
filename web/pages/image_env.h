/*
 * Files of an image that come from Debian packages as they are: which of
 * them, and how large, as the packages lie unpacked in env/ (builder/bake).
 */
#ifndef KILN_PAGES_IMAGE_ENV_H
#define KILN_PAGES_IMAGE_ENV_H

#include <stdint.h>

#include <jansson.h>

#include "web/req.h"

/*
 * `path` as the environment has it, symbolic links followed from package to
 * package.  NULL: none of `packages` [{name, sha256}] holds it, or they are
 * not unpacked any more; else the package, borrowed, and *size.
 */
const json_t *image_env_find(const struct web *, const json_t *packages,
    const char *path, int64_t *size);

#endif
