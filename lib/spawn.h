/*
 * Children: an argv array (never a shell), a given environment, only the
 * descriptors they need, their own process group, a deadline, and a wait
 * through a pidfd that tells exit, signal and timeout apart.
 */
#ifndef KILN_SPAWN_H
#define KILN_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

#define SPAWN_FDS 16

struct spawn {
	const char *const *argv; /* argv[0]: absolute path, or a name searched
				  * in /usr/sbin:/usr/bin:/sbin:/bin */
	const char *const *env;	 /* NULL: spawn_env */
	int in, out, err; /* -1: /dev/null for `in`, inherited for the others */
	int cwd;	  /* directory fd, or -1 */
	int netns;	  /* network namespace to enter, or -1 */
	/* Descriptors the child gets, at the numbers 3, 4, 5 …; close-on-exec
	 * of the originals does not matter. */
	int fds[SPAWN_FDS];
	size_t nfds;
	bool new_session;     /* setsid, else its own process group */
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL: with the *thread*
			       * that started it */
	uid_t uid;	      /* 0: stay what we are; else setgroups/gid/uid */
	gid_t gid;	      /* with uid; 0: the same number */
	bool exec_self;	      /* run /proc/self/exe with argv (argv[0] free) */
};
#define SPAWN_INIT                                                     \
	{                                                              \
		.in = -1, .out = -1, .err = -1, .cwd = -1, .netns = -1 \
	}

/* PATH, LC_ALL=C.UTF-8, TZ=UTC, and the NULL at the end. */
#define SPAWN_ENV 3
extern const char *const spawn_env[SPAWN_ENV + 1];

/* Where a name of argv[0] leads; ERR_MISSING: nowhere. */
int spawn_find(
    const char *name, char *out, size_t room, struct err *) KILN_MUST;

struct child {
	pid_t pid;	    /* 0: none */
	int pidfd;	    /* poll for POLLIN: it ended */
	int64_t started_ms; /* time_mono_ms() of the start */
};
#define CHILD_INIT       \
	{                \
		0, -1, 0 \
	}

struct spawn_end {
	bool timed_out; /* killed by us at the deadline */
	int code;	/* exit status, or -1 */
	int signal;	/* or 0 */
	int64_t wall_ms, cpu_ms;
	int64_t max_rss_kib;
};

/* Returns when the program runs: one that cannot be started is an error here
 * (ERR_MISSING when there is none of that name). */
int spawn_start(const struct spawn *, struct child *, struct err *) KILN_MUST;
/* A child of this process that a program before started in it (execve). */
int spawn_take(
    pid_t, int64_t started_ms, struct child *, struct err *) KILN_MUST;
/* Waits until it ends; at `deadline_ms` from now (-1: never) kills its whole
 * process group with SIGKILL.  Releases the child. */
int spawn_wait(struct child *, int64_t deadline_ms, struct spawn_end *,
    struct err *) KILN_MUST;
/* 1: it has ended (released, *end filled), 0: it runs. */
int spawn_poll(struct child *, struct spawn_end *, struct err *) KILN_MUST;
void spawn_signal(const struct child *, int sig); /* to the process group */
void spawn_kill(struct child *);		  /* SIGKILL, wait, release */

/*
 * Start, collect stdout (and stderr) up to `limit` bytes each, wait.  `out`
 * and `errtext` may be NULL.  Not 0 unless it exited 0; the error holds the
 * program, how it ended and the last line it said.  More than `limit` bytes of
 * stdout is ERR_INPUT; more of stderr is left out.  What the program left
 * running in its group is killed.
 */
int spawn_capture(const struct spawn *, int64_t deadline_ms, size_t limit,
    struct buf *out, struct buf *errtext, struct err *) KILN_MUST;
/* spawn_capture of a plain argv, output thrown away. */
int spawn_run(
    const char *const *argv, int64_t deadline_ms, struct err *) KILN_MUST;
/* "exit 3", "signal 9 (Killed)", "deadline of 30 s". */
void spawn_end_text(const struct spawn_end *, struct buf *);

#endif
