/*
 * Which devices belong to the fleet.  Anybody can make a key and report under
 * it; who has not been accepted waits, is shown, and counts for nothing.  A
 * device comes in by hand, or by a token that works once and ends.
 *
 * Standings: waiting, accepted, held (it reports, and does not count for the
 * stop at a threshold), retired (its reports are refused).
 */
#ifndef KILN_WEB_FLEET_H
#define KILN_WEB_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/secret.h"

#define FLEET_GROUP_MAX 64  /* bytes */
#define FLEET_WHY_MAX 300   /* bytes */
#define FLEET_TOKEN_S 86400 /* a token's life, unless said */
#define FLEET_TOKEN_MOST_S (30 * 86400)
#define FLEET_TOKENS 10000 /* that wait for a device */

bool fleet_standing_ok(const char *);

/* A token for one device of this group ("" is none). */
int fleet_token(struct db *, const char *by, const char *group,
    int64_t lifetime_s, char secret[SECRET_TEXT], struct err *) KILN_MUST;
/*
 * A device that proved to hold `key` comes with a token: it is accepted, in
 * the token's group.  The same device with the same token is answered the
 * same again.  ERR_TRUST: the token is unknown, has ended, let another in, or
 * the device was retired.
 */
int fleet_enrol(struct db *, const char *secret, const char *router,
    const char *key, struct err *) KILN_MUST;
/* By hand.  ERR_MISSING: no such device has been heard of. */
int fleet_set(struct db *, const char *router, const char *standing,
    const char *by, const char *why, struct err *) KILN_MUST;
/* May it report?  ERR_TRUST: it was retired; or nobody has let it in, where
 * `enrolled_only`. */
int fleet_may_report(struct db *, const char *router, bool enrolled_only,
    struct err *) KILN_MUST;

#endif
