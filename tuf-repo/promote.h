/*
 * promote: the release key's choice of what stable routers run.  Not a
 * rebuild: the set of another channel under a new counter.  Three steps, each
 * with no more rights than it needs:
 *
 *   draft   as kiln-tuf: the published tree is judged from the root that lies
 *           beside the offline keys, the new sets are written down
 *   sign    as root, with the release key, over bytes it does not parse
 *   accept  as kiln-tuf: verified as if it came from anybody, and published
 */
#ifndef KILN_PROMOTE_H
#define KILN_PROMOTE_H

#include <jansson.h>

#include "tuf-repo/repo.h"

#define STABLE "stable"
#define STABLE_ROLE "sets-stable"
#define NOTES_MAX 2000

struct promotion {
	const char *from; /* channel whose set is taken */
	const char *arch; /* NULL: every one */
	int64_t counter;  /* of that set; 0: the newest */
	const char *notes;
	json_t *waves;	/* NULL: everybody at once */
	json_t *window; /* NULL: at any hour */
};

/*
 * `root`: where trust starts.  `after`: a version of sets-stable that exists
 * already.  `part` gets the canonical bytes to sign, `shown` what they say.
 */
int promote_draft(struct repo *, const struct promotion *,
    const struct buf *root, int64_t after, struct buf *part, struct buf *shown,
    struct err *) KILN_MUST;
/* A whole sets-stable file; all that it lists is judged again. */
int promote_accept(
    struct repo *, const struct buf *file, struct err *) KILN_MUST;

#endif
