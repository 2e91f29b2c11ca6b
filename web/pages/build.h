/* The sections of a build's page. */
#ifndef KILN_PAGES_BUILD_H
#define KILN_PAGES_BUILD_H

#include <jansson.h>

#include "web/html.h"

/* Who asked to end it or to try it again, and the forms that do. */
void build_view_asked(struct html *, const json_t *);
void build_view_why(struct html *, const json_t *);
void build_view_lanes(struct html *, const json_t *);
void build_view_place(struct html *, const json_t *);
void build_view_attestations(struct html *, const json_t *);
void build_view_inputs(struct html *, const json_t *);
void build_view_relations(struct html *, const json_t *);

#endif
