/*
 * Who comes in: HTTP's Basic (RFC 7617), against the hashes of crypt(3).  What
 * was right once is known again by a keyed sum, since a client says its
 * password with every request and a hash is made to be slow.
 */
#ifndef CALDAV_DOOR_H
#define CALDAV_DOOR_H

#include "recipes/caldav/conf.h"

/* The user's number, or -1.  `header` is Authorization's value, or NULL. */
int door_opens(const struct cal_conf *, const char *header);

#endif
