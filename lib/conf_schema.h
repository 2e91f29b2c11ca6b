/*
 * What the configuration of a service may say.  A recipe has it as the map
 * `config` of recipe.yaml, its image's metadata repeats it, and an agent holds
 * agent.yaml against it before it fetches or starts anything.
 *
 *	domain!: name
 *	hosts[].name!: label
 *	hosts[].mac: mac
 *	dhcp.lease!: 120..31536000
 *
 * A key is a path: words of a-z, 0-9 and _ joined by dots, [] for the entries
 * of a list; "!" at its end makes it required wherever what holds it is there.
 * Its value is a type:
 *
 *	text, text N	1 to N (4096) bytes of printable ASCII
 *	line, line N	the same, or nothing
 *	name, label	of DNS, in lower case; a label is one word of a name
 *	address, ipv4, ipv6
 *	network		an address, with or without /PREFIX
 *	mac		52:54:00:00:00:01
 *	MIN..MAX	a whole number
 *	bool		true or false
 *	a|b|c		one of these words
 *	map, list, list N	with paths of their own below; wanted where one
 *			is required, or a list is to have N entries at most
 *
 * What is not listed is refused.  A schema says nothing of how options go
 * together: that is the image's own program's, in the guest.
 *
 * As text it is lines "PATH TYPE\n", sorted by their bytes; "" is no schema,
 * and anything fits it.
 */
#ifndef KILN_CONF_SCHEMA_H
#define KILN_CONF_SCHEMA_H

#include <stddef.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"

#define CONF_SCHEMA_MAX 4096 /* bytes of text with NUL */
#define CONF_SCHEMA_LINES 64

/* Is the text well formed?  ERR_INPUT, with the line that is not. */
int conf_schema_check(const char *text, struct err *) KILN_MUST;
/* The text of a map {"PATH":"TYPE"}, checked. */
int conf_schema_text(const json_t *map, struct buf *, struct err *) KILN_MUST;
/* The map again: new reference. */
json_t *conf_schema_map(const char *text);
/*
 * Does the value of `key`, of type CONF_FREE, fit the schema, which is well
 * formed?  An absent one is an empty map.  ERR_INPUT, as
 * "FILE:LINE:COLUMN: WHAT: sentence", in which no value is repeated: it may be
 * a secret.
 */
int conf_schema_fits(const struct conf_node *, const char *key,
    const char *what, const char *text, struct err *) KILN_MUST;

#endif
