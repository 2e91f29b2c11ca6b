/*
 * The root parent: what it holds, and the loop that everything waits in.  It
 * parses its configuration and its own state and nothing else.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/machines.h"
#include "router-agent/change/settings.h"
#include "router-agent/clock.h"
#include "router-agent/conf.h"
#include "router-agent/machine/accel.h"
#include "router-agent/machine/port.h"
#include "router-agent/plan.h"
#include "router-agent/state.h"
#include "router-agent/traffic.h"
#include "router-agent/trust/fetch.h"

enum phase {
	PHASE_STARTING,
	PHASE_EMPTY,	 /* no set yet */
	PHASE_CHECKING,	 /* fetching and verifying metadata */
	PHASE_FETCHING,	 /* images */
	PHASE_STAGING,	 /* new machines boot beside the LAN */
	PHASE_PROBATION, /* the new ones serve, the old ones wait */
	PHASE_COMMITTED, /* the set that runs is the set that is offered */
	PHASE_WAITING,	 /* a set is offered whose turn has not come */
	PHASE_REFUSED,	 /* what is offered is not taken; the old set runs */
	PHASE_ROLLED_BACK,
	PHASE_FAILED, /* could not be asked or fetched; tried again */
	PHASE_STOPPED,
};
const char *phase_name(enum phase);

struct agent {
	const char *config; /* its file; borrowed */
	bool syslog;
	json_t *inherited; /* what the program before left, or NULL */
	struct agent_conf conf;
	struct state_dir dir;
	struct state state;
	struct accel accel;
	const char *qemu;
	struct ports ports;	     /* one for each configured service */
	struct leases *leases;	     /* likewise */
	struct setting *settings;    /* likewise */
	struct setting_word setting; /* what the page asked last … */
	bool asked;		     /* … and was not answered yet */
	bool stray; /* another machine than the page's asked, in this life */
	int64_t leased_ms;	 /* when a lease was given last, monotonic */
	struct fetcher *fetcher; /* of images and reports */
	struct fetcher *stick;	 /* of images, in its stead; or NULL */
	struct machines live;	 /* of state.current */
	struct machines *next;	 /* of a trial, or NULL */
	struct set *planned;	/* what is offered and not taken yet, or NULL */
	struct plan plan;	/* to get there */
	struct traffic traffic; /* fetched and written today */
	int64_t switch_ms;	/* likewise; 0: nothing was switched */
	int signals;		/* signalfd */
	bool stop, poll_now;
	bool reload;  /* the owner has changed agent.yaml */
	bool back;    /* the owner wants the set on trial undone */
	bool damaged; /* an image of the current set rotted */
	bool swept;   /* of what an earlier life left */
	/* for people */
	enum phase phase;
	char cause[32], error[STATE_TEXT];
	int64_t bad_counter; /* of the set last rolled back or refused */
	int64_t checked, next_check;
	int64_t checks;		/* questions that were answered, in this life */
	unsigned fails;		/* polls in a row that could not be asked */
	int64_t retry_after;	/* what a server asked for, in seconds */
	int64_t wait_s;		/* until what waits may begin; 0: nothing */
	enum clock_state clock; /* at the last check */
	struct hash noticed;	/* what the owner was told last */
	struct hash told;	/* the last report's cause, told once */
	/* of its own program (change/self.h) */
	int report; /* to the supervisor; -1: there is none */
	bool supervised, healthy, in_slot;
	struct hash program; /* the slot's image, if in_slot */
	int status;	     /* folder of status.json */
	int log;	     /* of the machines' consoles, bounded */
	struct hash shown;   /* status.json as it was last written */
	int64_t show_at;
};

/* `config` is kept, and has to stay. */
int agent_open(struct agent *, const char *config, struct err *) KILN_MUST;
void agent_release(struct agent *); /* machines are stopped before */

/* Lets everything happen that waits to happen, for up to `timeout_ms`, or
 * until `fd` (-1: none) is readable (1), or a signal wants something. */
int agent_wait(struct agent *, int fd, int64_t timeout_ms);
/* An own sentence about where we are; written to status.json. */
void agent_phase(struct agent *, enum phase);
void agent_trouble(
    struct agent *, enum phase, const char *cause, const char *error);

/* Until a signal ends it; `once`: one cycle. */
int agent_run(struct agent *, bool once);

#endif
