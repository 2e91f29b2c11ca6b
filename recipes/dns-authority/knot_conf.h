/*
 * knot's configuration and zone files, from the service's part of the router's
 * configuration:
 *
 *	keys	[{"name","secret"}]: TSIG keys, hmac-sha256, base64
 *	zones	[{"name","records","secondaries","update","primaries"}]
 *	  records	a primary's: [{"name","type","data","ttl"}]; name
 *			"@" is the zone's own; the SOA is made here
 *	  secondaries	[{"address","key"}]: who is told of changes and may have
 *			the zone; with a key, only by it
 *	  update	[{"key","name"}]: by that key TXT records of that name,
 *			and no others, may be set: `_acme-challenge`
 *	  primaries	[{"address","key"}]: this zone is a copy of theirs
 *
 * A zone has records or primaries.  What updates set, and copies, lie in memory
 * and are gone with the machine.  Pure: nothing is written here.
 */
#ifndef DNS_AUTHORITY_KNOT_CONF_H
#define DNS_AUTHORITY_KNOT_CONF_H

#include "recipes/guest-init/files.h"

#define KNOT_UID 5300
#define KNOT_DIR "/run/knot"
#define KNOT_RUN KNOT_DIR "/run" /* the service's to write */
#define KNOT_ZONES 32

/* `serial` of the zones made here: Unix seconds, so that a machine started
 * later has the higher one. */
int knot_conf(const json_t *config, uint32_t serial, struct guest_files *,
    struct fault *);

#endif
