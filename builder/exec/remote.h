/*
 * Runs on other machines: what makes an engine that forgets, loses nodes and
 * runs things twice into one that loses nothing and commits nothing twice.
 *
 * Each run has attempts, one after the other.  An attempt's row is committed
 * before it is submitted; a submission whose end is not known is looked up by
 * its name; one that the engine does not know any more, or lost, is followed
 * by the next on another node, up to a limit, after which an operator is
 * asked for.  A node hands its result in at kiln-web, which keeps it in spool/
 * and tells of it in web.db; here each byte of it is hashed again, and the
 * first hand-in that is right is the run's, even of an attempt that was given
 * up.  Later ones are compared: other bytes take the plan's verdict back.
 *
 * One thread; calls of the engine wait up to its deadline.
 */
#ifndef KILN_REMOTE_H
#define KILN_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "builder/exec/exec.h"
#include "builder/exec/work.h"
#include "lib/attr.h"
#include "lib/db.h"
#include "lib/err.h"
#include "lib/store.h"

enum exec_apart {
	APART_ANYWHERE,	 /* lane B goes where there is room */
	APART_ELSEWHERE, /* … on another node than lane A */
	APART_OTHER_CPU, /* … whose processor is of another make */
};

/* kiln.yaml(5), `exec`; strings borrowed from the conf. */
struct exec_conf {
	bool slurm; /* else this machine */
	const char *server, *runner, *cache, *partition, *config;
	char *features;		   /* owned: "a&b", or "" */
	const char **cpu_features; /* owned array */
	size_t ncpu_features;
	enum exec_apart lane_b;
	int cpus, places;
	int64_t memory, time; /* bytes, s: beside what the build may take */
	int64_t attempts;
	int64_t poll, grace; /* s */
};
#define EXEC_CONF_DEFAULT                                                   \
	{                                                                   \
		.runner = "/usr/bin/kiln-runner",                           \
		.cache = "/var/cache/kiln-runner", .cpus = 1, .places = 64, \
		.memory = (int64_t)1 << 30, .time = 1800, .attempts = 5,    \
		.poll = 2, .grace = 30                                      \
	}

struct remote_place { /* all borrowed */
	struct db *db;
	struct store *store;
	const char *web_db; /* path */
	int spool;
};

struct remote;
/* Takes the engine. */
struct remote *remote_open(struct exec *, const struct exec_conf *,
    const struct remote_place *, struct work *);
void remote_free(struct remote *);

/* The slot's order, id and `apart` are filled in.  Goes on with an attempt
 * that is under way. */
int remote_start(struct remote *, struct work_slot *, struct err *) KILN_MUST;
/* It ends, and its attempts with it. */
void remote_stop(struct remote *, struct work_slot *);
/* We end, its attempt goes on: whoever comes next goes on with it. */
void remote_leave(struct remote *, struct work_slot *);
/* Nobody has the slot any more. */
void remote_done(struct remote *, struct work_slot *);

/* What is new; quick when nothing is due.  -1: the database or the disk. */
int remote_look(struct remote *, struct err *) KILN_MUST;
/* Ends open attempts of runs that are in nobody's hand: nobody wants them. */
int remote_sweep(struct remote *, struct err *) KILN_MUST;

/* --- mail.c: what nodes handed in ------------------------------------------*/

enum mail_end {
	MAIL_TAKEN, /* the slot has its result */
	MAIL_LOST,  /* it is worth nothing; *why */
};
struct remote_mail {
	const struct remote_place *at;
	struct db *web; /* NULL: not there yet */
	int64_t version;
	/* The slot that the run is in, or NULL. */
	struct work_slot *(*slot_of)(void *arg, int64_t run);
	/* Something came for that slot. */
	int (*ended)(void *arg, struct work_slot *, const char *attempt,
	    enum mail_end, const char *why, struct err *);
	void *arg;
	bool again; /* a verdict was taken back */
};
int mail_take(struct remote_mail *, struct err *) KILN_MUST;
void mail_close(struct remote_mail *);

#endif
