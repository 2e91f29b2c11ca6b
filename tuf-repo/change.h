/*
 * The next versions of root, targets and sets-stable, from the present ones:
 * keys in and out, thresholds, further services.  What a change leaves under
 * its threshold is drafted anew with it, so that the three always fit.
 */
#ifndef KILN_CHANGE_H
#define KILN_CHANGE_H

#include "tuf-repo/request.h"

struct change {
	struct buf current[PART_COUNT]; /* whole files */
	struct tuf_file *now[PART_COUNT];
	json_t *next[PART_COUNT]; /* signed parts; NULL: stays */
	int64_t time;
};

void change_init(struct change *, int64_t now);
void change_release(struct change *);
#define auto_change __attribute__((cleanup(change_release)))

/* Reads keys/offline; finishes what an interrupted ceremony began to write. */
int change_load(struct change *, int offline, struct err *) KILN_MUST;

/* The same content under the next version, with a new expiry. */
void change_renew(struct change *, enum part);
struct key_change {
	const struct sig_public *add;
	size_t nadd;
	const char *const *remove; /* keyids or their beginnings */
	size_t nremove;
	int64_t threshold; /* 0: as it is */
};
/* Of any role.  ERR_INPUT: nothing would change, or more would have to sign
 * than there are keys. */
int change_keys(struct change *, const char *role, const struct key_change *,
    struct err *) KILN_MUST;
/* Delegates svc-SERVICE to this key; nothing happens when it is there. */
void change_add_service(
    struct change *, const char *service, const struct sig_public *);
bool change_any(const struct change *);
/* Adds what must be signed with it and makes the request. */
int change_request(struct change *, struct request *, struct err *) KILN_MUST;

/* The file that lists a role's keys, as it stands. */
const struct tuf_file *change_delegator(
    const struct change *, const char *role);
/* Is this key listed for any role, as it stands? */
bool change_lists(const struct change *, const struct sig_public *);

/*
 * A request that misses nothing becomes the present state of keys/offline:
 * V.ROLE.json of each, and ROLE.json.  Killed in between, change_load goes on.
 */
int change_keep(int offline, const struct request *, struct err *) KILN_MUST;

#endif
