/*
 * Runs a program and everything it starts, and stops each of them before the
 * system calls that change something on disk or tell somebody something.
 *
 * A seccomp filter picks the calls, so that all others run at full speed.
 * Calls of programs whose name does not begin with "kiln" pass unseen: what
 * a build does to its own folder is not ours.  One call is under way at a
 * time, so that their order is known.
 */
#ifndef KILN_TRACE_H
#define KILN_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct call {
	pid_t tid;
	long nr;
	const char *name; /* of the call */
	uint64_t args[6];
	int64_t result;	 /* in leave() */
	char what[4096]; /* the file or folder it is about, for people */
};

enum verdict_of_call {
	CALL_PASS,     /* let it run */
	CALL_WATCH,    /* let it run, then call leave() */
	CALL_KILL_ALL, /* SIGKILL to every program of ours, before it runs */
	CALL_KILL_ONE, /* … to the one that makes it */
	CALL_FAIL,     /* it fails with `fail` instead of running */
};

struct tracer {
	enum verdict_of_call (*enter)(void *arg, struct call *);
	void (*leave)(void *arg, struct call *);
	void *arg;
	int fail;  /* errno for CALL_FAIL */
	dev_t dev; /* calls about files of this file system only */
};

/*
 * Returns when everything it started has ended; -1: could not be run, or
 * something outlived its kill by 10 s (and was then ended).  *status is that
 * of waitpid() for the program itself.
 */
int trace_run(char *const argv[], const struct tracer *, int *status);

/* A path in the eyes of the traced thread, as one that we can open. */
bool trace_path(
    const struct call *, int dirfd_arg, int path_arg, char out[], size_t size);
/* Copies a string or bytes of its memory. */
bool trace_string(pid_t, uint64_t at, char out[], size_t size);
bool trace_bytes(pid_t, uint64_t at, void *out, size_t size);

#endif
