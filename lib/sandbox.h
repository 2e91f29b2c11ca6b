/*
 * A jail for hostile programs, by bubblewrap and a seccomp deny list.
 *
 * Always: all namespaces new (a network without even a route), root folder
 * read-only, empty environment, no capabilities, no_new_privs, no further
 * user namespaces, uid and gid never 0, /proc, a minimal /dev, no
 * inherited descriptors, no terminal, rlimits; a cgroup where there is one.
 */
#ifndef KILN_SANDBOX_H
#define KILN_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/cgroup.h"
#include "lib/err.h"
#include "lib/spawn.h"

struct sandbox_bind {
	const char *outside; /* absolute; NULL: an empty tmpfs */
	const char *inside;  /* absolute; must exist in the root or lie in a
			      * tmpfs of an earlier entry, where it is made */
	bool writable;	     /* of a tmpfs: once all binds are in place */
};

/* A running jail seen from outside. */
struct sandbox_jail {
	pid_t pid;  /* its first process, here: all others descend from it */
	int init;   /* pidfd of that */
	int status; /* what bwrap tells about it */
	struct cgroup group;
	struct cgroup_usage usage; /* by sandbox_end */
};
#define SANDBOX_JAIL_INIT                                                  \
	{                                                                  \
		.init = -1, .status = -1, .group = CGROUP_INIT, .usage = { \
			.cpu_ms = -1,                                      \
			.peak_kib = -1                                     \
		}                                                          \
	}

struct sandbox {
	const char *root; /* absolute path of the environment's tree */
	const struct sandbox_bind *binds;
	size_t nbinds;
	const char *const *env; /* NAME=VALUE …, NULL-ended; all there is */
	const char *const *argv;
	const char *cwd; /* inside */
	const char *hostname;
	uid_t uid, gid; /* inside; not 0 */
	int out;	/* stdout and stderr */
	int cpus;	/* 0: all; else pinned to n of those we have … */
	int first_cpu;	/* … counted from this one, round and round */
	bool no_aslr;
	int64_t memory;	   /* bytes of address space per process; 0: 4 GiB */
	int64_t file_size; /* RLIMIT_FSIZE; 0: 2 GiB */
	int processes;	   /* RLIMIT_NPROC; 0: 512 */
	int cpu_seconds;   /* RLIMIT_CPU; 0: 3600 */
	int64_t tmp_size;  /* of /tmp and /dev/shm each; 0: 256 MiB */
	/* Of all processes together; NULL: the machine has none, or `jail`
	 * is NULL. */
	const struct cgroups *cgroups;
	struct cgroup_limits total;
	const char *name;	   /* of the group */
	struct sandbox_jail *jail; /* filled by sandbox_start; may be NULL */
};

/* The child dies with all its descendants when the pidfd is killed
 * (its own PID namespace, --die-with-parent). */
int sandbox_start(
    const struct sandbox *, struct child *, struct err *) KILN_MUST;
/* Kills everything inside. */
void sandbox_kill(const struct sandbox_jail *);
/*
 * After the child's end: waits until *every* process inside is dead (bwrap
 * ends a little earlier), so that what they left can be looked at.  *ran:
 * did the program itself run, or could the jail not be built?  Releases the
 * jail.
 */
int sandbox_end(struct sandbox_jail *, bool *ran, struct err *) KILN_MUST;
/* Can this machine do it?  Tries `true`-like work in an empty root and names
 * what is missing. */
int sandbox_check(struct err *) KILN_MUST;
/* Bytes that stand for everything above, for the policy digest. */
const char *sandbox_policy(void);

#endif
