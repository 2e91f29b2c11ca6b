/*
 * Changes that people make on a page of the LAN (setting.h), carried out: a
 * config that fits what the service's image understands is written down beside
 * the old one, a machine is started with it, beside the one that serves where
 * that can be (beside.h), and unless it answers its probes in time the old
 * config comes back by itself.  What the owner changed in agent.yaml while the
 * agent ran is tried in the same way, without being written down.
 *
 * agent.yaml stays as its owner wrote it, and its word is the last: another
 * config there than the first change was made of, and what the page had changed
 * is passed over; so is what a set that has to run does not understand.  A set
 * that is offered waits for it instead (settings_fit).
 */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "router-agent/conf.h"
#include "router-agent/machine/vm.h"
#include "router-agent/set.h"
#include "router-agent/setting.h"
#include "router-agent/state.h"

struct agent;

#define SETTINGS_TRIAL_MS 120000 /* until its machine answers */
#define SETTINGS_ROUNDS 2	 /* of good probes, and it is kept */

/* agent.yaml as it was read again, for all services that are of it. */
struct setting_file {
	struct agent_conf conf;
	unsigned users;
};

struct setting {	 /* of one service */
	json_t *mine;	 /* agent.yaml's config */
	json_t *before;	 /* NULL: nothing was changed yet */
	json_t *earlier; /* while on trial: what was before that */
	int64_t until;	 /* on trial so long, monotonic ms; 0: it is not */
	int64_t drains;	 /* its machine serves, the one before ends then */
	struct setting_file *fresh; /* on trial is what this says, or NULL */
	struct setting_file *file; /* agent.yaml as `mine` was read, or NULL: as
				    * at the start */
	char why[STATE_TEXT];	   /* the last change was not kept, or "" */
};

/* Takes what was kept over agent.yaml's; a trial that an earlier life did not
 * end is undone.  What is damaged is named, and agent.yaml's counts. */
void settings_open(struct agent *);
void settings_close(struct agent *);
/* Passes over what the set that runs does not understand. */
void settings_suit(struct agent *);
/* Would the machines of that set understand what the page changed?  ERR_INPUT,
 * as plan_config says it of agent.yaml. */
int settings_fit(
    const struct agent *, const struct set *, struct err *) KILN_MUST;
/* Waits for the end of a trial: a set's own is not to be spoilt by it. */
void settings_settle(struct agent *);

/* Begins what the owner has written into agent.yaml since: the config of each
 * service that is another there.  Where one does not fit, it is named in the
 * log and none is begun. */
void settings_reload(struct agent *);

/* A message WATCH_SETTING of a machine; of another than the page's it is
 * dropped.  What it asks for is done by settings_step. */
int settings_heard(
    struct agent *, struct vm *, struct ipc_msg *, struct err *) KILN_MUST;
void settings_step(struct agent *);

/* For status: {"state","why","changed":[keys of the config]}, or null where
 * nothing was changed; new reference. */
json_t *settings_status(const struct agent *, const char *service);

#endif
