/*
 * What a client asks for in XML: PROPFIND of RFC 4918, and the reports of RFC
 * 4791 (calendar-query, calendar-multiget) and RFC 6578 (sync-collection).
 */
#ifndef CALDAV_ASK_H
#define CALDAV_ASK_H

#include "recipes/caldav/ics.h"

#define ASK_MAX (1U << 20) /* bytes of XML */
#define ASK_PROPS 64
#define ASK_HREFS 2000
#define ASK_FILTERS 8

enum ask_kind {
	ASK_PROPFIND,
	ASK_QUERY,
	ASK_MULTIGET,
	ASK_SYNC,
};
/* The properties that the server knows; names in ask.c. */
enum prop {
	PROP_CALENDAR_DATA,
	PROP_CONTENT_LENGTH,
	PROP_CONTENT_TYPE,
	PROP_CTAG,
	PROP_DISPLAY_NAME,
	PROP_ETAG,
	PROP_HOME,
	PROP_PRINCIPAL,
	PROP_PRINCIPAL_URL,
	PROP_PRIVILEGES,
	PROP_REPORTS,
	PROP_SYNC_TOKEN,
	PROP_TYPE,
	PROP_COMPONENTS,
	PROP_UNKNOWN,
};

struct ask_prop {
	enum prop prop;
	char *space, *name; /* of XML */
};
struct ask {
	enum ask_kind kind;
	bool all; /* allprop, or an empty body */
	struct ask_prop prop[ASK_PROPS];
	size_t props;
	char *href[ASK_HREFS];
	size_t hrefs;
	char *token;	      /* of a sync-collection; "" at first */
	char component[16];   /* "VEVENT"; "" any */
	int64_t from, before; /* the range that is asked for */
	struct ics_filter filter[ASK_FILTERS];
	size_t filters;
};

/* 0, or -1: it cannot be understood.  Release it in either case. */
int ask_read(const char *xml, size_t n, struct ask *, struct fault *);
void ask_release(struct ask *);

/* Name and namespace of a property; the latter in `*space`. */
const char *prop_name(enum prop, const char **space);

#endif
