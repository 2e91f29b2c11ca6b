/*
 * What the server has to know of an iCalendar object (RFC 5545): one kind of
 * component, one UID (RFC 4791 4.1), and the span of time it may touch.
 *
 * The span is never too small and may be too large: a time without a zone of
 * UTC is taken 14 hours wide, and what repeats lasts to its UNTIL or for ever.
 * Who asks for a range is told a little more than it holds, never less.
 */
#ifndef CALDAV_ICS_H
#define CALDAV_ICS_H

#include "recipes/guest-init/guest.h"

#define ICS_MAX 262144 /* bytes of one object */

struct ics {
	char kind[16]; /* "VEVENT", "VTODO", "VJOURNAL" */
	char uid[256];
	char summary[80]; /* the first bytes of it, printable; may be "" */
	int64_t from, to; /* seconds of Unix time, both within */
};

int ics_read(const char *text, size_t n, struct ics *, struct fault *);
/* "20200101T000000Z", as a request's time-range has it. */
int ics_utc(const char *text, int64_t *out);

/* Of a component of the object's kind: a condition on one property. */
struct ics_filter {
	char name[64];
	char text[256]; /* somewhere in its value, ASCII case aside; "": any */
	bool absent;	/* it must not be there */
	bool negate;	/* of text */
};
bool ics_matches(const char *text, size_t n, const char *kind,
    const struct ics_filter *, size_t filters);

#endif
