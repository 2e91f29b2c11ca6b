/* What the commands of kiln-agent share: their options, and the way to the
 * state folder. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"

struct options {
	const char *config;   /* agent.yaml */
	const char *plan;     /* a hash, or NULL */
	const char *deadline; /* seconds, or NULL */
	bool given;	      /* --config: config is the caller's word */
	bool json, once, show, syslog, check, tcp, why, previous;
};

/* 0, or an exit code.  Other words start at optind. */
int options_parse(int argc, char **argv, const char *where, struct options *);
/* The opened state folder. */
int options_state(const struct options *, struct err *) KILN_MUST;
/* What the agent last said of itself: new reference. */
json_t *options_status(const struct options *, struct err *);

#endif
