/*
 * What a Solo5 unikernel says of itself, on its page and in its JSON: `solo5`
 * with `manifest` {"version","devices":[{"name","type"}]} and `abi`
 * {"target","version"}, or `error` when its notes are out of form; absent for
 * any other file.
 */
#ifndef KILN_WEB_IMAGE_SOLO5_H
#define KILN_WEB_IMAGE_SOLO5_H

#include <jansson.h>

#include "web/html.h"
#include "web/req.h"

void image_solo5_add(json_t *model, struct web *, const char *hex);
/* Facts of the page's list. */
void image_solo5_view(struct html *, const json_t *model);

#endif
