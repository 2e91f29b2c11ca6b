/* What the commands of kiln-agent share: their options, and the way to the
 * state folder. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include <stdbool.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/err.h"

struct options {
	const char *name; /* of the command */
	char where[32];	  /* "kiln-agent apply" */
	char **words;	  /* into argv */
	int n;
	const char *config;   /* agent.yaml */
	const char *plan;     /* a hash, or NULL */
	const char *deadline; /* seconds, or NULL */
	bool given;	      /* --config: config is the caller's word */
	bool json, once, show, syslog, check, tcp, why, previous;
};

/* Of the command argv[0], which takes no words: 0, or an exit code. */
int options_parse(int argc, char **argv, struct options *);
/* The same, and `least` to `most` words; `form` is what else its owner is told,
 * "it is: hold DURATION, or hold off". */
int options_words(int argc, char **argv, int least, int most, const char *form,
    struct options *);
/* The opened state folder. */
int options_state(const struct options *, struct err *) KILN_MUST;
/* What the agent last said of itself: new reference. */
json_t *options_status(const struct options *, struct err *);

#endif
