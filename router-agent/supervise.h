/*
 * The agent's supervisor: starts the agent's program, of the good slot or of
 * the one on trial (slots.h), else the one it is part of itself, and starts
 * it again when it ends.
 *
 * A program on trial takes over in the process of the one before, with its
 * machines (change/inherit.h), or is started.  It must report to be healthy in
 * time, which stands while the supervisor is stopped itself: by a byte on
 * descriptor SUPERVISE_FD, when its configuration and state are read and its
 * machines answer.  One that ends is tried SLOTS_TRIES times,
 * one that stays silent once; then its image is bad, and the good one runs
 * again.  A good slot that was
 * damaged, or that fails as often in a row without a word, gives way to the
 * program that was installed.
 */
#ifndef AGENT_SUPERVISE_H
#define AGENT_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define SUPERVISE_FD 3
/* What is said there: all is well; the slot that the record names as the trial
 * runs from here on, in this same process. */
#define SUPERVISE_WELL 'h'
#define SUPERVISE_TRIAL 't'
/* In the environment: the digest of the slot's image, or "installed". */
#define SUPERVISE_ENV "KILN_SUPERVISED"
#define SUPERVISE_DEADLINE_MS 300000

struct supervise {
	const char *state;     /* the agent's folder */
	const char *config;    /* for `run --config` */
	const char *installed; /* program of last resort */
	int64_t deadline_ms;   /* until a trial is healthy */
	int64_t pause_ms;      /* before an ended one is started again, first */
	bool syslog;
};

/* Until SIGTERM or SIGINT, which it passes on. */
int supervise(const struct supervise *, struct err *) KILN_MUST;

#endif
