/*
 * Who may say that a service's images were reproduced, and what each has
 * confirmed: by the keys that targets delegates svc-* roles to, and the
 * signatures of theirs that kiln-tuf verified.
 */
#ifndef KILN_REBUILDERS_H
#define KILN_REBUILDERS_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

/*
 * `roles`: objects with "name", "version" (the newest published) and "keys";
 * `targets`: the signed part of the newest published one, or NULL.
 * *out: [{keyid, service, newest, version, confirmed, at, refused,
 * refused_at}], by party; `version` is the newest that it confirmed, 0: none;
 * `refused`, what came under its key last and does not count, or "".
 */
int rebuilders_list(struct web *, const json_t *roles, const json_t *targets,
    json_t **out, struct err *) KILN_MUST;
void rebuilders_view(struct html *, const json_t *list);

#endif
