/*
 * Charts as SVG, made here: no script, colours from the style sheet, and each
 * with its numbers as a table beside it or as titles inside.
 */
#ifndef KILN_CHART_H
#define KILN_CHART_H

#include <stddef.h>
#include <stdint.h>

#include "web/html.h"

#define CHART_POINTS 200

struct chart_point {
	int64_t at, value; /* Unix seconds; in the chart's unit */
};

struct chart_series {
	const char *name;
	const struct chart_point *points; /* by time, oldest first */
	size_t n;
};

typedef void chart_unit(struct buf *, int64_t); /* num_add_size … */

/* At most two series over time, from zero up. */
void chart_trend(struct html *, const char *title, const struct chart_series *,
    size_t n, chart_unit *);

struct chart_box {
	const char *name, *sub, *href; /* borrowed; sub and href may be NULL */
	int64_t value;
	unsigned group; /* colour: 0 to 7 */
};
#define CHART_BOXES 64
/* A treemap: areas as values.  Sorts the boxes, largest first. */
void chart_map(struct html *, const char *title, struct chart_box *, size_t n,
    chart_unit *);

struct chart_node {
	const char *name, *kind, *href; /* borrowed */
	int self;			/* the one the page is about */
	int column;			/* set by chart_graph */
};
struct chart_edge {
	size_t from, to; /* nodes */
};
/* A graph without cycles, from left to right. */
void chart_graph(struct html *, const char *title, struct chart_node *,
    size_t n_nodes, const struct chart_edge *, size_t n_edges);

/* A bar of parts of a whole: `cls` names the colour of each. */
struct chart_part {
	const char *cls;
	int64_t value;
};
void chart_bar(struct html *, const char *label, const struct chart_part *,
    size_t n, int64_t whole);

#endif
