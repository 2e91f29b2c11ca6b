/*
 * What every page has around it, and the small pieces that pages share.
 *
 * A page is a model (JSON from the databases) and a view of it; the same URL
 * with `.json` gives the model itself.
 */
#ifndef KILN_FRAME_H
#define KILN_FRAME_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

typedef json_t *page_model(struct req *, struct err *);
typedef void page_view(struct html *, const json_t *);

/* The model, then the view in the frame, or the model as JSON.  ERR_MISSING
 * from the model is 404. */
void page_reply(
    struct req *, struct reply *, const char *title, page_model *, page_view *);
/* Frame around one sentence. */
void page_message(struct buf *, const char *title, const char *sentence);

/* Runs a query and makes an array of objects named by its columns. */
json_t *model_rows(struct db *, struct stmt *, const char *const *columns,
    struct err *) KILN_MUST;

/* Borrowed members for views: "" and 0 when absent or null. */
const char *m_str(const json_t *, const char *key);
int64_t m_int(const json_t *, const char *key);

void view_digest(struct html *, const char *hex, const char *link_prefix);
void view_verdict(struct html *, const char *verdict);
void view_time(struct html *, int64_t unix_seconds);
void view_size(struct html *, int64_t bytes);
void view_duration(struct html *, int64_t milliseconds);
/* <table> with a head of these titles; close with html_close twice:
 * "tbody", "table". */
void view_table(struct html *, const char *const *titles);

#endif
