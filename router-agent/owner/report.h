/*
 * Reports: what became of a set, signed by a key that was made on the device,
 * each naming the one before.  They wait in state/reports/ until a server
 * takes them; the oldest goes when there are too many.
 */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/sig.h"
#include "router-agent/conf.h"
#include "router-agent/set.h"
#include "router-agent/state.h"

#define REPORT_QUEUE 64
#define REPORT_MAX 65536

struct agent;

/*
 * What happened is noted in the record that says so, saved with it by the
 * caller, and told afterwards; a restart between the two tells it.  Each has
 * one line of history and one report, whatever cut it off; a notice may come
 * twice.  `state`: committed, rolled-back, refused.
 */
void report_note(struct agent *, const char *state, const char *cause,
    const char *text, const struct set *);
/* Nothing when nothing was noted.  Never fails: what cannot be kept is
 * logged. */
void report_tell(struct agent *);
/* The number of the last report that was made; 0: there is none. */
int64_t report_told(const struct agent *);
/* The same refusal is told once. */
void report_refused(struct agent *, const char *cause, const char *text);
void report_send(struct agent *);

/* The device's key, made at the first use. */
int report_key(int statefd, struct sig_seed *, struct sig_public *,
    struct err *) KILN_MUST;
/* The record itself, of what `state.news` says; new reference.  What it cost:
 * bytes fetched, and how long the LAN was without; 0: it was not switched. */
json_t *report_make(const struct agent_conf *, const char *accel,
    const struct state *, int64_t bytes, int64_t switch_ms,
    const struct sig_public *);
/*
 * {WHAT: j, "key": …, "sig": …} canonical, what /api/v1/report and /enrol
 * take: the signature is over j's own canonical bytes, which `body` gets.
 * Takes the reference of j, and wipes the seed.
 */
int report_seal(const char *what, json_t *j, struct sig_seed *,
    const struct sig_public *, struct buf *body, struct buf *text,
    struct err *) KILN_MUST;
/* What waits, as the server would get it; appends one line each. */
int report_show(int statefd, struct buf *, struct err *) KILN_MUST;

#endif
