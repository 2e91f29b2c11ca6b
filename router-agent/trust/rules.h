/*
 * The router's own rules on top of TUF (design.md, "Trust"): which set it
 * takes, and which images of it.  Pure judgement over verified metadata; how
 * a role or a small target is fetched is the caller's.
 *
 * Each refusal has a word of its own and one sentence.
 */
#ifndef AGENT_RULES_H
#define AGENT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/sig.h"
#include "lib/tuf_check.h"
#include "router-agent/clock.h"
#include "router-agent/set.h"
#include "router-agent/trust/keyset.h"
#include "router-agent/trust/turn.h"

#define RULES_WORD 32
#define RULES_SET_MAX (256 * 1024) /* bytes of a set or a brake */

struct rules {
	/* what the owner wants */
	const char *channel, *arch;
	bool demo; /* take targets made with demonstration keys */
	int64_t min_keys;
	const struct sig_public *require_keys;
	size_t nrequire_keys;
	const char *const *services;
	size_t nservices;
	/* what the router has seen */
	int64_t counter; /* highest, or -1 */
	struct hash counter_set;
	bool has_current;
	struct hash current; /* the set that runs: a brake leaves it alone */
	int64_t now;
	struct keysets *keysets; /* who vouched before; NULL: not asked */
	int64_t hold_keys_s;	 /* a changed set of keys waits so long */
	struct clock *seen;	 /* keeps first sights; NULL: nothing */
	struct hash device;	 /* whose turn it is */
	struct turn *turn;	 /* out; NULL, or with `seen` */
	/* verified metadata, refreshed */
	struct tuf_trust *trust;
	/* TUF 5.6.7; ERR_MISSING: nobody lists it */
	int (*find)(void *arg, const char *path, const struct tuf_target **,
	    const char **role, struct err *);
	/* loads and verifies a role that targets delegates to */
	int (*role)(void *arg, const char *role, struct err *);
	/* the bytes of a small target, checked against its hashes */
	int (*bytes)(
	    void *arg, const struct tuf_target *, struct buf *, struct err *);
	void *arg;
};

/*
 * 0: `out` is what to run.  -1: refused; `word` says why: demo, no-set,
 * channel, arch, rollback, counter-reused, braked, not-in-set, needs,
 * not-listed, wrong-role, other-role, too-few-keys, missing-key, new-keys,
 * withdrawn, metadata, unsupported; or what TUF calls the attack, or
 * err_cause()'s word.
 */
int rules_judge(const struct rules *, struct set *out, char word[RULES_WORD],
    struct err *) KILN_MUST;
/* The word for a failure of the TUF workflow itself. */
void rules_word(const struct err *, char word[RULES_WORD]);

#endif
