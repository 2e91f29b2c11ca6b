/*
 * The builder's helpers, started while it is still root, so that each can
 * take a uid of its own:
 *
 *   -x fetch   has the network, no database, no programs; it writes what it
 *              fetches into a descriptor it was given and names no file
 *   -x index   parses what archives wrote; no network, no programs, no file
 *              but the descriptors it is given
 *   -x git     (git.h) has the network and the folder git/, no database, no
 *              programs
 *   -x env     (builder/bake/env_crew.h) unpacks packages; several of it
 *
 * Each is two processes: a keeper that parses nothing, and a server below
 * it.  When the server dies, of hostile bytes or of a limit, the keeper
 * tells whoever waits and starts another.
 *
 * Every message starts with the number of the request it belongs to;
 * fetch.h and index.h are the calls.
 */
#ifndef KILN_WORKER_H
#define KILN_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/drop.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/spawn.h"

struct worker {
	const char *name; /* "fetch", "index", "git", "env" */
	int sock;
	struct child child;
	uint32_t last; /* number of the last request */
};

struct workers {
	struct worker fetch, index, git;
};

#define WORKERS_INIT                                \
	{                                           \
		{ "fetch", -1, CHILD_INIT, 0 },     \
		    { "index", -1, CHILD_INIT, 0 }, \
		{                                   \
			"git", -1, CHILD_INIT, 0    \
		}                                   \
	}
#define auto_workers __attribute__((cleanup(workers_stop)))

/* Call before drop_to(); the program's main() must hand "-x NAME" to
 * worker_main(). */
int workers_start(struct workers *, struct err *) KILN_MUST;
void workers_stop(struct workers *);
/* One of them. */
int worker_start(struct worker *, struct err *) KILN_MUST;
void worker_stop(struct worker *);
/* Serves the socket at descriptor 3 until the other end is closed; returns
 * an exit code. */
int worker_main(const char *which);

/* The parent's side: a request's first field, then its messages. */
void worker_begin(struct worker *, struct buf *fields);
int worker_send(struct worker *, uint32_t type, const struct buf *fields,
    const int *fds, size_t nfds, struct err *) KILN_MUST;
/*
 * The next message of the request; those of requests given up are skipped.
 * The worker's own failure comes back as ours, with its class and sentence.
 */
int worker_recv(
    struct worker *, int timeout_ms, struct ipc_msg *, struct err *) KILN_MUST;

/* A message of the type WORKER_ERROR, past its number, as an error: -1. */
int worker_error(struct worker *, struct ipc_msg *, struct err *);

/* The worker's side. */
struct worker_duty {
	const char *name;
	enum role role;
	bool network;
	int (*serve)(int sock); /* the loop of the server: an exit code */
};
/* Drops to the role and keeps a server, until the other end is closed;
 * returns an exit code. */
int worker_run(const struct worker_duty *);
#define WORKER_SOCK 3
#define WORKER_ERROR 1 /* type of a message: class, errno, sentence */
void worker_fail(uint32_t id, const struct err *);
int fetch_serve(int sock); /* loops of the servers: exit codes */
int index_serve(int sock);

#endif
