/* Asking a resolver for a name's addresses: one question over UDP. */
#ifndef FIREWALL_NAMES_H
#define FIREWALL_NAMES_H

#include "recipes/firewall/rules.h"

#define NAMES_TTL_MIN 5 /* seconds between two questions for a name */
#define NAMES_TTL_MAX 3600

/*
 * Asks for the addresses of both families, waiting `wait_ms` for each answer.
 * 0: `out` holds what came, sorted, and *ttl the least time that holds, within
 * the bounds above.  -1: no answer that can be used, and `out` is as it was:
 * what was known stays blocked.
 */
int names_ask(const struct guest_addr *resolver, int wait_ms,
    struct rules_name *out, int *ttl);

/* An answer's addresses of one kind, added to `out`.  -1: no good answer. */
int names_parse(const unsigned char *, size_t, unsigned int id, int family,
    struct rules_name *out, int *ttl);
/* The question.  Returns its length, or 0. */
size_t names_question(
    const char *name, unsigned int id, int family, unsigned char *, size_t);

#endif
