/*
 * What every page has around it, and the small pieces that pages share.
 *
 * A page is a model (JSON from the databases) and a view of it; the same URL
 * with `.json` gives the model itself.
 */
#ifndef KILN_FRAME_H
#define KILN_FRAME_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "web/html.h"
#include "web/req.h"

typedef json_t *page_model(struct req *, struct err *);
typedef void page_view(struct html *, const json_t *);

struct page {
	const char *title;   /* unless the model has a "title" */
	const char *section; /* path of the navigation's entry it belongs to */
	bool web_only;	     /* stands without the builder's database */
	page_model *model;
	page_view *view;
};

/*
 * The model, then the view in the frame, or the model as JSON.  ERR_MISSING
 * from the model is 404.  A model that is an object may carry "title", and
 * "refresh": after so many seconds there will be something new to see.
 */
void page_reply(struct req *, struct reply *, const struct page *);
/* Frame around one sentence. */
void page_message(struct buf *, const char *title, const char *sentence);

/* Runs a query and makes an array of objects named by its columns. */
json_t *model_rows(struct db *, struct stmt *, const char *const *columns,
    struct err *) KILN_MUST;

/* Borrowed members for views: "" and 0 when absent or null. */
const char *m_str(const json_t *, const char *key);
int64_t m_int(const json_t *, const char *key);

/* The first digits; a link to the artifact, or to a record as JSON. */
void view_digest(struct html *, const char *hex);
void view_artifact(struct html *, const char *hex);
void view_record(struct html *, const char *hex);
void view_verdict(struct html *, const char *verdict);
void view_time(struct html *, int64_t unix_seconds);
void view_size(struct html *, int64_t bytes);
void view_duration(struct html *, int64_t milliseconds);
/* A table with a head of these titles, up to view_table_end(). */
void view_table(struct html *, const char *const *titles);
void view_table_end(struct html *);

#endif
