/*
 * Who vouches for a service, as the router last knew it.  Who holds the
 * targets keys may name other rebuilders; that is no business of a night's
 * update.  A changed set of keys is held for some days, while its owner hears
 * of it, unless the owner's own required keys sign as well.
 *
 * Remembered in the verifier's folder; written only when something changed.
 */
#ifndef AGENT_KEYSET_H
#define AGENT_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/tuf.h"
#include "router-agent/set.h"

#define KEYSET_FILE "keysets"
#define KEYSET_MAX (SET_SERVICES + 1) /* and the kernel */

struct keyset {
	char role[SET_NAME + 8];
	struct hash taken;   /* the one that counts */
	struct hash pending; /* another, first seen at `since` */
	int64_t since;	     /* 0: there is none */
};
struct keysets {
	struct keyset at[KEYSET_MAX];
	size_t n;
	bool changed; /* since it was read or written */
};

/* The keys of a role and how many of them it takes; false: no such role. */
bool keyset_of(
    const struct tuf_file *targets, const char *role, struct hash *out);

/*
 * Is this the set that counts?  The first ever seen is; another becomes it
 * `hold_s` after it was first seen, or at once when `vouched`.  Returns the
 * time from which it counts: `now` or earlier if it does.
 */
int64_t keyset_judge(struct keysets *, const char *role, const struct hash *,
    int64_t now, int64_t hold_s, bool vouched);

/* Missing or damaged is empty: the next that is seen counts. */
void keysets_load(int dirfd, struct keysets *);
int keysets_save(int dirfd, struct keysets *, struct err *) KILN_MUST;

#endif
