/*
 * lib/tuf_refresh.h over kiln-agent-fetch: the agent's TUF client.  Its calls
 * are that header's; downloads are here.
 */
#ifndef KILN_AGENT_REFRESH_H
#define KILN_AGENT_REFRESH_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf_refresh.h"
#include "router-agent/trust/fetch.h"

struct refresh;

struct refresh_opts {
	const char *metadata_url;
	int dirfd;		 /* the folder; a dup is kept */
	int64_t now;		 /* TUF 5.1: one time for the whole run */
	struct fetcher *fetcher; /* borrowed */
};

/* Puts the shipped root into the folder, once it is shown to be signed by its
 * own keys.  Asks nobody. */
int refresh_init(int dirfd, const void *, size_t, struct err *) KILN_MUST;

struct refresh *refresh_open(
    const struct refresh_opts *, struct err *) KILN_MUST;
void refresh_free(struct refresh *); /* NULL is fine */

/*
 * TUF 5.3 to 5.6.  Once per refresh_open: a run has one time.  ERR_TRUST: the
 * repository offered what must be refused; the sentence ends in the attack's
 * name.  ERR_BUSY: it could not be reached; try again.
 */
int refresh_run(struct refresh *, struct err *) KILN_MUST;
/* After refresh_run: what is trusted now. */
struct tuf_trust *refresh_trust(struct refresh *);

/* TUF 5.6.7.  ERR_MISSING when no role lists it.  Both results live as long
 * as the refresh. */
int refresh_target(struct refresh *, const char *path,
    const struct tuf_target **, const char **role, struct err *) KILN_MUST;
/* Loads and verifies a role that `parent` (accepted) delegates to, for
 * searches of the caller's own. */
int refresh_role(struct refresh *, const char *role, const char *parent,
    struct err *) KILN_MUST;

/*
 * TUF 5.7: fetches a target into `fd`, a regular file open for reading and
 * writing.  What the file holds already counts as the first part of an
 * earlier try; a whole good file is not fetched again.  On success the file
 * is exactly the listed bytes and on disk (synced).  ERR_BUSY keeps what came,
 * for the next try; any other failure empties the file.
 */
struct refresh_watch {
	int64_t deadline_ms; /* 0: 15 min */
	int (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};
int refresh_download(struct refresh *, const char *targets_url,
    const struct tuf_target *, int fd, const struct refresh_watch *,
    struct err *) KILN_MUST;
/* Is this file the target already? */
bool refresh_have(const struct tuf_target *, int fd);

#endif
