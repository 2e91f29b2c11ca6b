/*
 * What every command that publishes does alike: the farm's folder, the signer
 * started before rights are given up, the drop, the lock, the databases.
 */
#ifndef KILN_WORK_H
#define KILN_WORK_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/farm.h"
#include "lib/spawn.h"
#include "tuf-repo/repo.h"
#include "tuf-repo/secret.h"
#include "tuf-repo/transport.h"

struct work {
	struct farm farm;
	struct repo repo;
	struct child signer;
	bool squeezes; /* set before work_begin: with the transport child */
	bool keyless;  /* likewise: signs nothing, so without a signer */
	struct transport transport;
	const char *state;	   /* from the command line */
	struct secret_source pass; /* of the online keys; likewise */
	int lock;		   /* -1: another kiln-tuf has it */
	bool entered;
};

#define WORK_INIT                                                           \
	{                                                                   \
		.farm = FARM_INIT, .repo = REPO_INIT, .signer = CHILD_INIT, \
		.pass = SECRET_SOURCE_INIT, .transport = TRANSPORT_INIT,    \
		.lock = -1                                                  \
	}

/* For getopt_long: every command that may start a signer. */
#define WORK_OPTIONS                                                    \
	{ "state", required_argument, NULL, 's' },                      \
	    { "signer-passphrase-file", required_argument, NULL, 'q' }, \
	{                                                               \
		"signer-passphrase-fd", required_argument, NULL, 'Q'    \
	}
/* True when `c` was one of them; *rc is 0 or an exit code that was said. */
bool work_option(struct work *, const char *where, int c, int *rc);

/* As root: opens (makes, if `create`) the folder.  Without work.state the
 * default. */
int work_enter(struct work *, bool create, struct err *) KILN_MUST;
/* Starts the signer, drops to ROLE_TUF without network and exec, takes the
 * lock.  ERR_BUSY names who has it. */
int work_begin(struct work *, struct err *) KILN_MUST;
/* The same, but another kiln-tuf may run: then lock stays -1. */
int work_join(struct work *, struct err *) KILN_MUST;
/* Publishes now, or wakes the one that has the lock. */
int work_publish(struct work *, bool *handed_over, struct err *) KILN_MUST;
void work_release(struct work *);

#endif
