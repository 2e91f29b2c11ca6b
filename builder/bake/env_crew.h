/*
 * The crew that writes env/: as many `-x env` children as there are
 * processors, at most ENV_HANDS.  Each parses .debs it is given open, under
 * the uid that owns env/, without network, programs or a database; packages
 * are unpacked by several at once.
 *
 * A child that dies takes its request along, which fails with the reason, and
 * is started again by its keeper (worker.h).  One thread at a time.
 */
#ifndef KILN_ENV_CREW_H
#define KILN_ENV_CREW_H

#include <stddef.h>
#include <stdint.h>

#include "builder/bake/env.h"
#include "builder/inputs/worker.h"
#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"

#define ENV_HANDS 4

struct env_hand {
	struct worker worker;
	uint32_t request; /* under way; 0: idle */
	uint32_t ping;	  /* asked since its server died */
	struct err death; /* why it did */
};

struct env_crew {
	struct env_hand v[ENV_HANDS];
	size_t n;
	void (*ended)(void *arg);
	void *arg;
};
#define auto_env_crew __attribute__((cleanup(env_crew_stop)))

/* Call before drop_to(); main() must hand "-x env" to env_main(). */
int env_crew_start(struct env_crew *, struct err *) KILN_MUST;
void env_crew_stop(struct env_crew *); /* of zeros: nothing */
int env_main(void);		       /* the child: an exit code */

/* `ended` is called for each package that was unpacked; NULL: nobody. */
void env_crew_tell(struct env_crew *, void (*ended)(void *), void *arg);
/* Begins it, once one of them is idle; fails when an earlier one has. */
int env_crew_unpack(struct env_crew *, int env, const struct env_package *,
    int deb, struct err *) KILN_MUST;
/* Waits for all that was begun, whatever fails; the first failure. */
int env_crew_finish(struct env_crew *, struct err *) KILN_MUST;
/* env_tree.h; these wait. */
int env_crew_name(struct env_crew *, int env, const struct env_package *,
    size_t, struct err *) KILN_MUST;
int env_crew_assemble(struct env_crew *, int env, const struct hash *digest,
    const struct env_package *, size_t, struct err *) KILN_MUST;
int env_crew_drop(
    struct env_crew *, int env, const char *name, struct err *) KILN_MUST;
int env_crew_clean(struct env_crew *, int env, struct err *) KILN_MUST;

/*
 * Requests; each starts with its number and carries env/ as its first
 * descriptor.  A list is a u32 and as many pairs of name and digest.
 */
enum env_request {
	ENV_UNPACK = 2, /* name, digest; the .deb as second descriptor */
	ENV_NAME,	/* list */
	ENV_ASSEMBLE,	/* digest of the environment, list */
	ENV_CLEAN,
	ENV_DROP, /* name */
	ENV_PING, /* no descriptor */
	ENV_DONE, /* the answer to each */
};
#define ENV_NAME_MAX 256 /* of a package's name, in messages */

#endif
