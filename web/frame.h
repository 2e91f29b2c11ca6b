/*
 * What every page has around it.
 *
 * A page is a model (JSON from the databases) and a view of it; the same URL
 * with `.json` gives the model itself.
 */
#ifndef KILN_FRAME_H
#define KILN_FRAME_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/err.h"
#include "web/html.h"
#include "web/model.h"
#include "web/req.h"
#include "web/view.h"

typedef json_t *page_model(struct req *, struct err *);
typedef void page_view(struct html *, const json_t *);

struct page {
	const char *title;   /* unless the model has a "title" */
	const char *section; /* path of the navigation's entry it belongs to */
	bool web_only;	     /* stands without the builder's database */
	bool live;	     /* looks again when a database changes */
	page_model *model;
	page_view *view;
};

/*
 * The model, then the view in the frame, or the model as JSON.  ERR_MISSING
 * from the model is 404.  A model that is an object may carry "title"; of a
 * `live` page "refresh" is how many seconds who has no script waits.
 */
void page_reply(struct req *, struct reply *, const struct page *);
/* Frame around one sentence. */
void page_message(struct buf *, const char *title, const char *sentence);

#endif
