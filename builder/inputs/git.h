/*
 * Asking the git worker, `-x git`: it alone speaks git.  It has the network,
 * a uid of its own and the folder git/, and nothing else: no database, no
 * programs, no keys but the file of credentials that a request names and its
 * uid may read.
 *
 *   git/HEX.git            a bare mirror, by the SHA-256 of the URL
 *   git/checkout/HEX-ID    recipes: a folder of a repository at a commit
 *
 * Each request is served by a process of its own under a deadline, so that
 * what a hostile server breaks is gone with it.  Mirrors and check-outs are a
 * cache: they may be removed while no builder runs.
 */
#ifndef KILN_GIT_H
#define KILN_GIT_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/inputs/worker.h"

#define GIT_ID 41 /* 40 hex digits and NUL */
#define GIT_URL_MAX 2000
#define GIT_REF_MAX 200
#define GIT_LIMIT ((int64_t)2 << 30) /* bytes, unless the caller has less */
#define GIT_CHECKOUT_MAX 160

struct git {
	struct worker *worker;
	int dirfd; /* git/ */
};

struct git_look {
	const char *url;	 /* http, https, file */
	const char *ref;	 /* branch, tag, refs/…, HEAD, or a commit */
	const char *credentials; /* file with USER:PASSWORD, or NULL */
	const char *proxy;	 /* NULL: the environment's */
	int64_t limit;		 /* bytes to receive; 0: GIT_LIMIT */
	int64_t deadline_ms;	 /* 0: 15 min */
};

struct git_seen {
	char commit[GIT_ID], tree[GIT_ID];
	int64_t received; /* bytes; 0: everything was there */
};

/* What is asked for must be safe to put into messages and files. */
bool git_url_ok(const char *);
bool git_ref_ok(const char *);
bool git_commit_ok(const char *); /* 40 lower-case hex digits */

/*
 * Where the ref stands now; the commit is in the mirror afterwards.  A commit
 * that is there is not asked for again.  ERR_BUSY: could not be reached;
 * ERR_MISSING: no such repository, ref or commit; ERR_INPUT: the limit, the
 * deadline, or what came is not git; ERR_TRUST: certificate or credentials.
 */
int git_look(const struct git *, const struct git_look *, struct git_seen *,
    struct err *) KILN_MUST;
/*
 * The commit's files as a tar into `out`, from its offset on: the same bytes
 * for the same tree and name, anywhere.  ERR_MISSING: it is not in the mirror;
 * ERR_INPUT: a submodule, a link out of the tree, a limit.
 */
int git_tar(const struct git *, const char *url, const char *commit,
    const char *name, int64_t limit, int out, struct err *) KILN_MUST;
/*
 * A folder of it ("": all), as files; `path` below git/.  Earlier ones of the
 * same folder are removed.
 */
int git_checkout(const struct git *, const char *url, const char *commit,
    const char *folder, char path[GIT_CHECKOUT_MAX], struct err *) KILN_MUST;
/* The path without asking. */
void git_checkout_path(const char *url, const char *commit, const char *folder,
    char path[GIT_CHECKOUT_MAX]);

/* Between the two sides. */
enum {
	GIT_LOOK = 20, /* url, ref, credentials, proxy, limit, deadline */
	GIT_TAR,       /* url, commit, name, limit; a second descriptor */
	GIT_CHECKOUT,  /* url, commit, folder, limit */
	GIT_SEEN,      /* commit, tree, received */
	GIT_DONE,
};
int git_serve(int sock); /* the loop of the server */

#endif
