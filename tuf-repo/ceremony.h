/*
 * Ceremonies: the few moments in which offline keys are used.  A short-lived
 * process of root's opens keys/offline, signs, wipes and closes; what it
 * signed is kept in keys/offline as well, since a ceremony builds only on
 * files that nobody but root could have written.
 */
#ifndef KILN_CEREMONY_H
#define KILN_CEREMONY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "tuf-repo/keysign.h"

/* The files of the offline roles, as they are to be published. */
struct ceremony {
	struct buf root, targets, stable;
};

#define CEREMONY_INIT                        \
	{                                    \
		BUF_INIT, BUF_INIT, BUF_INIT \
	}
#define auto_ceremony __attribute__((cleanup(ceremony_release)))
void ceremony_release(struct ceremony *);

struct founding {
	bool demo; /* targets says so; one key for each role */
	int64_t now;
	/* NULL: demo keys.  Of the offline keys; its `have` is filled. */
	struct key_access *access;
	const struct secret *signer_pass; /* of those the signer has */
	const char *const *services;
	size_t nservices;
};

/*
 * Makes every key and signs root, targets and sets-stable.  Interrupted and
 * started again, it goes on with the keys and files it made.
 */
int ceremony_found(struct ceremony *, int offline, int online,
    const struct founding *, struct err *) KILN_MUST;

#endif
