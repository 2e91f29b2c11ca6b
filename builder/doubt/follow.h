/*
 * What another farm wants signed: versions of service roles that wait, judged
 * by building every image in them again, and by deriving all that they say of
 * it.  Remembers what came out, in the doubter's folder, so that an image is
 * built once for all that is said of it.
 */
#ifndef KILN_FOLLOW_H
#define KILN_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "builder/doubt/derive.h"
#include "builder/doubt/doubter.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

struct follow {
	struct doubter *at;
	const char *from;  /* with a slash */
	const char *lanes; /* "A", "B", "AB" */
	struct maintainers maintainers;
	json_t *memory; /* kiln/rebuilt */
};
int follow_open(struct follow *, struct err *) KILN_MUST;
void follow_release(struct follow *);

struct follow_draft {
	char *role; /* "svc-NAME" */
	int64_t version;
	struct hash content; /* of `bytes` */
	struct buf bytes;    /* canonical */
};
struct follow_drafts {
	struct follow_draft *v;
	size_t n;
};
void follow_drafts_release(struct follow_drafts *);

/* All that waits now, and was not signed here already.  ERR_BUSY: the farm
 * cannot be asked. */
int follow_ask(struct follow *, struct follow_drafts *, struct err *) KILN_MUST;
/*
 * *good: every image that it lists came out of builds here, and all that is
 * said of it was derived here, too.  Else `why` says which did not, or could
 * not be tried (*tried false: again later).  -1: stop or this machine.
 */
int follow_judge(struct follow *, const struct follow_draft *, bool *good,
    bool *tried, struct buf *why, struct err *) KILN_MUST;
/* Signed and handed in: not asked for again. */
int follow_signed(
    struct follow *, const struct follow_draft *, struct err *) KILN_MUST;

#endif
