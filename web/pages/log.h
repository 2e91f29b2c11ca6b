/* A build's log as part of another page. */
#ifndef KILN_PAGES_LOG_H
#define KILN_PAGES_LOG_H

#include <jansson.h>

#include "lib/attr.h"
#include "web/html.h"
#include "web/req.h"

/* Fills m with at most `max` bytes of it, from byte `from` on, -1: its end. */
int log_model(struct req *, int64_t run, int64_t from, size_t max, json_t *m,
    struct err *) KILN_MUST;
void log_view(struct html *, const json_t *);

#endif
