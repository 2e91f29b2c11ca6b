/*
 * Does the new image serve all that the old one does?  An upgrade whose
 * configuration quietly loses an interface is worse than one that fails.
 * Compared twice: by what both images' metadata say, before anything is
 * fetched; and by asking the new machine, beside the LAN, each question that
 * the old image's metadata had and each TCP port it named.
 */
#ifndef AGENT_SERVES_H
#define AGENT_SERVES_H

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/change/switch.h"
#include "router-agent/set.h"

#define SERVES_LESS "serves-less" /* the cause, wherever it is found */

/* Ports and volumes; ERR_INPUT names the first that is lost.  A service that
 * a set leaves out is its plan's business. */
int serves_said(
    const struct set *current, const struct set *next, struct err *) KILN_MUST;
/* Before the switch; says why the trial fails. */
int serves_asked(struct trial *) KILN_MUST;

/* What the new image's own probes do not ask already, as a service of which
 * nothing else counts. */
void serves_questions(const struct set_service *old,
    const struct set_service *next, struct set_service *out);

#endif
