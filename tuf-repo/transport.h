/*
 * The transport role: compressed and delta forms of published images
 * (lib/delta.h), made by `kiln-tuf -x transport`, a child of few rights that
 * is given descriptors and has no network and no exec.  A set never waits for
 * them: they come in a later version.  They prove nothing; the digest of the
 * image still decides.
 */
#ifndef KILN_TRANSPORT_H
#define KILN_TRANSPORT_H

#include <stdbool.h>

#include "lib/spawn.h"
#include "tuf-repo/repo.h"

#define TRANSPORT_BASES 3 /* releases that deltas start from */
#define TRANSPORT_PERCENT                                  \
	60 /* of the full form; a larger delta is not kept \
	    */
#define TRANSPORT_SOCKET 3
#define TRANSPORT_LEASH 4 /* a pipe that never has a byte */

struct transport {
	int sock;  /* -1: no child */
	int leash; /* closed, it ends the child even at work */
	struct child child;
	bool busy;
	struct transport_job *job; /* of the child, while busy */
};
#define TRANSPORT_INIT                                       \
	{                                                    \
		.sock = -1, .leash = -1, .child = CHILD_INIT \
	}

/* Before rights are given up. */
int transport_start(struct transport *, struct err *) KILN_MUST;
/* The child ends; what it was making is thrown away. */
void transport_stop(struct transport *);
/* Gives the child the next form that is missing, if it has nothing to do;
 * then `busy`, and `sock` becomes readable when it is made. */
int transport_next(struct transport *, struct repo *, struct err *) KILN_MUST;
/* Takes what was made into the tree and on record; *made: the role changes. */
int transport_take(
    struct transport *, struct repo *, bool *made, struct err *) KILN_MUST;
/* Proposes the next version of the role if what it lists changed. */
int transport_propose(struct repo *, struct err *) KILN_MUST;

/* `kiln-tuf -x transport`: gives up rights, then transport_serve. */
int transport_main(void);
int transport_serve(int sock, int leash) KILN_MUST;

#endif
