/* The small pieces that pages are made of. */
#ifndef KILN_VIEW_H
#define KILN_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "web/html.h"

/* The first digits: a link to the artifact, or to a record as JSON. */
void view_artifact(struct html *, const char *hex);
void view_record(struct html *, const char *hex);
/* A digest laid as courses of bricks: what is equal looks equal.  It only
 * decorates: the digits stand beside it. */
void view_brick(struct html *, const char *hex);
void view_verdict(struct html *, const char *verdict);
/* A word of ours as a chip of its colour. */
void view_state(struct html *, const char *state, const char *cause);
void view_time(struct html *, int64_t unix_seconds);  /* to the second */
void view_ago(struct html *, int64_t unix_seconds);   /* "3 min ago" */
void view_until(struct html *, int64_t unix_seconds); /* "in 6 days" */
void view_size(struct html *, int64_t bytes);
/* What a run has given: its bricks, name, digest and size. */
void view_output(
    struct html *, const char *name, const char *hex, int64_t bytes);
void view_duration(struct html *, int64_t milliseconds);
/* 1234567 as "1 234 567", with thin spaces. */
void view_count(struct html *, int64_t n);
void view_recipe(struct html *, const char *name); /* a link */
void view_run(struct html *, int64_t id);	   /* a link: "12" */

/* <section> with a heading, up to view_section_end().  With an id it is one of
 * the parts that a live page replaces. */
void view_section(struct html *, const char *title, const char *id);
void view_section_end(struct html *);

/* A table with a head of these titles, up to view_table_end().  A title that
 * starts with '#' heads a column of numbers; `caption` is for who cannot see
 * what stands around it. */
void view_table(struct html *, const char *caption, const char *const *titles);
void view_table_end(struct html *);
/* Cells: text; a number under a '#' title. */
void view_td(struct html *, const char *text);
void view_td_time(struct html *, int64_t);
void view_td_size(struct html *, int64_t);
void view_td_count(struct html *, int64_t);

/* A <dt>, and an open <dd> up to html_close(h, "dd"). */
void view_fact(struct html *, const char *name);
void view_fact_text(struct html *, const char *name, const char *text);
/* One of a row of large numbers, in a <ul class="stats">. */
void view_stat(struct html *, int64_t n, const char *what, const char *href);
/* Where a list goes on; `query` is what else the URL says ("" or "&x=y"). */
void view_next(
    struct html *, const char *path, const json_t *next, const char *query);

#endif
