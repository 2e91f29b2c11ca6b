/*
 * What is to be signed offline, in one file that travels on a stick:
 *
 *   {"kind":"kiln/request","v":1,"made_at",
 *    "words":[…],                       for people; a signer makes its own
 *    "current":{"root","targets","sets-stable"},   whole files, as text
 *    "drafts":[{"role","signed"}],      canonical bytes, as text
 *    "signatures":[{"role","key","sig"}]}
 *
 * Drafts are the next versions of the current files.  A root is signed by the
 * threshold of the root before it and by its own, targets by that of the new
 * root, sets-stable by that of the new targets.
 */
#ifndef KILN_REQUEST_H
#define KILN_REQUEST_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "lib/tuf.h"

enum part { PART_ROOT, PART_TARGETS, PART_STABLE, PART_COUNT };
extern const char *const part_roles[PART_COUNT];

#define REQUEST_MAX (16 << 20)

struct request {
	json_t *json;
	struct tuf_file *now[PART_COUNT];
	struct tuf_file *next[PART_COUNT]; /* NULL: stays as it is */
	struct buf bytes[PART_COUNT];	   /* to sign */
};

void request_init(struct request *);
void request_release(struct request *);
#define auto_request __attribute__((cleanup(request_release)))

/* A new one; parts[i] is the next signed part, or NULL. */
int request_make(struct request *, const struct buf current[PART_COUNT],
    json_t *const parts[PART_COUNT], int64_t now, struct err *) KILN_MUST;
/*
 * ERR_TRUST unless the current files are signed by their own thresholds and
 * each draft is the next version; signatures that are not good are refused.
 */
int request_read(
    struct request *, const void *, size_t, struct err *) KILN_MUST;
void request_text(const struct request *, struct buf *);
/* The difference in words, made here from the bytes. */
void request_words(const struct request *, struct buf *);

/* May this key sign that part? */
bool request_wants(
    const struct request *, enum part, const struct sig_public *);
/* Adds a signature; the same again is fine. */
int request_add(struct request *, enum part, const struct sig_public *,
    const struct sig *, struct err *) KILN_MUST;
/* All signatures of another copy of the same request. */
int request_merge(
    struct request *, const struct request *, struct err *) KILN_MUST;
/* What is still missing, a line each; false when nothing is. */
bool request_missing(const struct request *, struct buf *);
/* The whole file of a part that misses nothing. */
int request_file(
    const struct request *, enum part, struct buf *, struct err *) KILN_MUST;

#endif
