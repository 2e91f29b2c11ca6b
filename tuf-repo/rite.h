/*
 * What every ceremony command does alike: the farm's folder as root, the
 * present state of keys/offline, the question, the signatures of keys that lie
 * here, and handing over to the collector without root's rights.
 */
#ifndef KILN_RITE_H
#define KILN_RITE_H

#include "tuf-repo/change.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/secret.h"
#include "tuf-repo/work.h"

struct rite {
	struct work w;
	struct change change;
	struct request request;
	int offline, online; /* keys/… */
	bool demo;
	/* from the command line */
	const char *out;
	bool yes; /* do not ask */
	struct key_access access;
	struct secret new_pass, online_pass;
};

/* For getopt_long: every command that is a ceremony on a farm. */
#define RITE_OPTIONS                                \
	WORK_OPTIONS, KEY_OPTIONS,                  \
	{                                           \
		"out", required_argument, NULL, 'o' \
	}

void rite_init(struct rite *);
void rite_release(struct rite *);
/* Options that ceremonies share: true when `c` was one of them; *rc is 0 or
 * an exit code that was said. */
bool rite_option(struct rite *, const char *where, int c, int *rc);
/* Releases it, says what went wrong and gives the exit code. */
int rite_end(struct rite *, const char *where, int rc, const struct err *);

int rite_open(struct rite *, struct err *) KILN_MUST;
/* The next generation of an online or offline role's key. */
int rite_new_key(struct rite *, const char *role, struct sig_public *,
    struct err *) KILN_MUST;
/* Shows the difference; writes the request to `out`, or asks, signs with the
 * keys that lie here and hands over.  *done: it is signed and handed over. */
int rite_finish(struct rite *, bool *done, struct err *) KILN_MUST;
/* A whole request: kept, then rite_hand_over. */
int rite_accept(struct rite *, struct err *) KILN_MUST;
/* Whatever keys/offline holds, to the collector; then publishes or wakes. */
int rite_hand_over(struct rite *, struct err *) KILN_MUST;

/* A path of the operator's own: its folder and its last part. */
int rite_parent(const char *path, const char **base, struct err *) KILN_MUST;
int rite_write(const char *path, const struct buf *, struct err *) KILN_MUST;
/* "yes" on the terminal, or --yes. */
int rite_confirm(bool yes, struct err *) KILN_MUST;
/* Signs each part the key may sign; *n counts them.  The other one: with a key
 * on a token. */
int rite_sign_token(struct request *, const char *uri, struct key_access *,
    size_t *n, struct err *) KILN_MUST;
int rite_sign(struct request *, int dirfd, const char *name,
    struct key_access *, size_t *n, struct err *) KILN_MUST;

#endif
