/*
 * The TUF client workflow (specification, section 5) with what is trusted
 * kept in one folder: root.json, timestamp.json, snapshot.json, targets.json
 * and one file per delegated role that was ever needed, unversioned, byte for
 * byte as received.  A file is replaced atomically and only after it was
 * accepted, so that a stop at any point leaves a folder to go on from.
 *
 * Life cycle: tuf_refresh_init once, with the shipped root; then
 * tuf_refresh_open, tuf_refresh_run, and any number of tuf_refresh_target.
 *
 * Requests are the specification's and no others: N+1.root.json until it is
 * not there (404 or 403), timestamp.json, V.snapshot.json, V.targets.json,
 * delegated roles as the search needs them; what is on disk and still good is
 * not asked for again.  URLs are appended to and never re-encoded.
 */
#ifndef KILN_TUF_REFRESH_H
#define KILN_TUF_REFRESH_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/tuf_check.h"

/*
 * Who brings files: appends at most `limit` bytes of body to `out`.  0: it
 * was answered, *status says how (200, 404 …).  -1: it could not be asked.
 */
typedef int tuf_get(void *arg, const char *url, int64_t limit, struct buf *out,
    int *status, struct err *);

struct tuf_refresh;

struct tuf_refresh_opts {
	const char *metadata_url;
	/* The folder; a dup is kept.  -1: nothing is kept, `root` is trusted.
	 */
	int dirfd;
	const struct buf *root; /* borrowed */
	int64_t now;		/* TUF 5.1: one time for the whole run */
	tuf_get *get;
	void *arg;
};

/* Puts the shipped root into the folder, once it is shown to be signed by its
 * own keys.  Asks nobody. */
int tuf_refresh_init(int dirfd, const void *, size_t, struct err *) KILN_MUST;

struct tuf_refresh *tuf_refresh_open(
    const struct tuf_refresh_opts *, struct err *) KILN_MUST;
void tuf_refresh_free(struct tuf_refresh *); /* NULL is fine */

/*
 * TUF 5.3 to 5.6.  Once per tuf_refresh_open: a run has one time.  ERR_TRUST:
 * the repository offered what must be refused; the sentence ends in the
 * attack's name.  ERR_BUSY: it could not be reached, or what answered sent no
 * JSON object and so is not the repository; try again.
 */
int tuf_refresh_run(struct tuf_refresh *, struct err *) KILN_MUST;
/* After tuf_refresh_run: what is trusted now. */
struct tuf_trust *tuf_refresh_trust(struct tuf_refresh *);

/* TUF 5.6.7.  ERR_MISSING when no role lists it.  Both results live as long
 * as the refresh. */
int tuf_refresh_target(struct tuf_refresh *, const char *path,
    const struct tuf_target **, const char **role, struct err *) KILN_MUST;
/* Loads and verifies a role that `parent` (accepted) delegates to, for
 * searches of the caller's own. */
int tuf_refresh_role(struct tuf_refresh *, const char *role, const char *parent,
    struct err *) KILN_MUST;

#endif
