/*
 * Which handler answers which path.  A pattern's `*` stands for one path
 * component that name_ok() accepts; `**` for the rest, path_ok().
 */
#ifndef KILN_ROUTE_H
#define KILN_ROUTE_H

#include <stdbool.h>

#include "web/account.h"
#include "web/req.h"

typedef void route_fn(struct req *, struct reply *);

struct route {
	const char *method;
	const char *pattern; /* NULL ends the table */
	route_fn *fn;
	enum rank need; /* who may; RANK_NOBODY: everybody */
	bool from_page; /* a POST of everybody's, from our own pages alone */
	/* Also where reading takes an account: what routers, rebuilders and who
	 * signs in need. */
	bool open;
};

/* Fills req->part.  Without a route, *allow is the method that the address
 * would have taken (405), or NULL (404). */
const struct route *route_find(
    const struct route *, struct req *, const char **allow);

#endif
