/* What a named cause usually is, and how it is usually mended. */
#ifndef KILN_CAUSE_TABLE_H
#define KILN_CAUSE_TABLE_H

#include <jansson.h>

struct cause_rule {
	const char *name; /* of the cause: docs/formats.md, "cause" */
	/* What one of its findings must say; NULL: anything. */
	const char *what, *in; /* `in`: part of the path's last name */
	const char *says, *fix;
};

/* The first that fits; there is one for every name. */
const struct cause_rule *cause_rule_for(
    const char *name, const json_t *findings);

#endif
