/*
 * Limits that hold for all processes of a build together: memory, number of
 * processes, share of the processors; by cgroup v2 or v1, where the machine
 * has them and lets us.
 *
 * A program that may be root makes its own group before it drops, with what
 * it will be called then as owner; each build gets a group in it.  Where there
 * is none, rlimits and watching stay, and the text says so.
 */
#ifndef KILN_CGROUP_H
#define KILN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/err.h"

enum cgroup_kind {
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CPU,
	CGROUP_CPUACCT, /* v1: time is counted apart */
	CGROUP_KINDS
};

struct cgroups {
	bool v2;		  /* then all of them are one folder */
	int dir[CGROUP_KINDS];	  /* our own group's; -1: none of that kind */
	char text[160];		  /* "cgroup v1: memory pids cpu", or why not */
	char name[40];		  /* of the folder */
	int parent[CGROUP_KINDS]; /* where it lies */
};
#define CGROUPS_INIT                                                    \
	{                                                               \
		.dir = { -1, -1, -1, -1 }, .parent = { -1, -1, -1, -1 } \
	}

struct cgroup_limits {
	int64_t memory; /* bytes, with what lies in a tmpfs; 0: no limit */
	int processes;	/* 0: no limit */
};

struct cgroup {
	const struct cgroups *of; /* NULL: there is none */
	char name[40];
	int dir[CGROUP_KINDS];
};
#define CGROUP_INIT                                   \
	{                                             \
		.of = NULL, .dir = { -1, -1, -1, -1 } \
	}

struct cgroup_usage {
	int64_t cpu_ms;	    /* -1: not known */
	int64_t peak_kib;   /* of memory; -1: not known */
	bool out_of_memory; /* the kernel killed somebody for it */
	bool out_of_pids;   /* … refused somebody a process */
};

/*
 * Makes "kiln-PID" below the groups this process is in, owned by uid, and
 * under v2 moves this process into its leaf "main", as the kernel demands.
 * What is left of those who died goes.  `root`: "" but for tests.  Never
 * fails: `text` tells.
 */
void cgroups_open(struct cgroups *, const char *root, uid_t, gid_t);
void cgroups_close(struct cgroups *);

/* A group for `pid` and whatever descends from it.  Nothing, successfully,
 * where there are none. */
int cgroup_enter(struct cgroup *, const struct cgroups *, const char *name,
    pid_t pid, const struct cgroup_limits *, struct err *) KILN_MUST;
void cgroup_read(const struct cgroup *, struct cgroup_usage *);
/* Kills what is left in it (v2) and removes it; it is empty soon. */
void cgroup_leave(struct cgroup *);

#endif
