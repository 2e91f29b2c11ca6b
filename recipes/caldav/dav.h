/*
 * Answers of RFC 4918's kind, 207 Multi-Status:
 *
 *	/			where a client finds out who it is
 *	/users/NAME/		… and where its calendars are
 *	/calendars/		those that it may see
 *	/calendars/NAME/	one
 *	/calendars/NAME/X.ics	an event, task or journal
 */
#ifndef CALDAV_DAV_H
#define CALDAV_DAV_H

#include <stdio.h>

#include "recipes/caldav/ask.h"
#include "recipes/caldav/keep.h"

enum dav_at { AT_ROOT, AT_USER, AT_HOME, AT_CALENDAR, AT_ITEM };
struct dav_target {
	enum dav_at at;
	const char *user; /* who asks */
	const struct cal_rights *rights;
	const struct keep *keep;
	const struct keep_item *item;
	bool writes; /* the user may */
};

void dav_begin(FILE *);
/* What was asked about it: what it has, and what it has not. */
void dav_response(FILE *, const struct ask *, const struct dav_target *);
/* An item that is not there. */
void dav_gone(FILE *, const char *href);
void dav_item_gone(FILE *, const struct keep *, const char *name);
/* `token` of a sync-collection, or NULL. */
void dav_end(FILE *, const char *token);

#endif
