/*
 * A check: from servers, a folder of trusted metadata and a fetcher to the set
 * that is offered, or the word for why there is none to take.  What the
 * verifier does between its parent's request and its answer; it gives up no
 * rights itself, and takes the time and the device from its caller.
 */
#ifndef AGENT_CHECK_H
#define AGENT_CHECK_H

#include <stdbool.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/clock.h"
#include "router-agent/conf.h"
#include "router-agent/set.h"
#include "router-agent/trust/fetch.h"
#include "router-agent/trust/forms.h"
#include "router-agent/trust/rules.h"

struct check_here { /* an image of the set that runs */
	char *name;
	struct hash image;
	int64_t serial;
};

struct check {
	/* in */
	char *const *servers;
	size_t nservers;
	int metadata; /* the folder, ours alone */
	int root;     /* file with the shipped root, read at the first check */
	struct check_here here[SET_SERVICES + 2];
	size_t nhere;
	/* Of its members channel to device and hold_keys_s are the caller's,
	 * the others are filled here. */
	struct rules rules;
	struct clock_facts facts;
	/* out: also when a set is refused */
	struct clock_view view;
	/* out: of a set that is not */
	struct turn turn;
	struct forms forms;
	bool urgent; /* what runs was withdrawn */
	/* in use */
	struct clock clock;
	struct keysets keysets;
	struct refresh *refresh;
	const char *targets_url;
};

/* 0: `set` is what to run; -1: refused or failed, see `word` (rules.h). */
int check_run(struct check *, struct fetcher *, struct set *,
    char word[RULES_WORD], struct err *) KILN_MUST;

#endif
