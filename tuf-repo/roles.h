/*
 * The roles of a farm's tree of trust: for each, who holds its key, for how
 * long it is signed and when it is signed again (design.md, "Trust").  No
 * JSON here: the signer links this.
 */
#ifndef KILN_ROLES_H
#define KILN_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"

#define DAY INT64_C(86400)
#define TUF_SPEC "1.0.34"
#define ROLE_FILE_MAX 160 /* "12345.svc-NAME.json" with NUL */
#define SERVICE_MAX 64

struct rule {
	const char *role; /* "svc-" stands for every service */
	const char *key;  /* name of its key in keys/ */
	bool online;	  /* else keys/offline: ceremonies only */
	bool top;	  /* listed in root, not delegated */
	bool terminating;
	const char *path; /* pattern of its delegation; SERVICE is replaced */
	int64_t lifetime; /* seconds */
	int64_t renew;	  /* sign again when this much or less is left */
};

extern const struct rule rules[];
extern const size_t rules_count;

/* Name of the key with which this farm vouches for what it built. */
const char *vouching_key(void);
/* NULL: no role of ours. */
const struct rule *rule_of(const char *role);
/* "svc-NAME" -> "NAME", else NULL. */
const char *role_service(const char *role);
/* Lower-case letters, digits, inner minus; not only digits; 1 to 63. */
bool service_ok(const char *);
/* "transport-0a0": a hash bin (bins.h)? */
bool role_is_bin(const char *role);
/* Whose file lists the keys of this role. */
const char *role_parent(const char *role);

/* Whole days only: midnight UTC after `from` plus the role's lifetime, or
 * exactly `from` + lifetime for those that live less than a month. */
int64_t rule_expiry(const struct rule *, int64_t from);
/*
 * Well before each expiry, `left` seconds of it: of an offline role as soon as
 * it may be signed again, of an online one when serve should have done that
 * long ago.
 */
bool rule_alarming(const struct rule *, int64_t left);
/* "V.role.json"; timestamp has no version in its name. */
void role_file(const char *role, int64_t version, char out[ROLE_FILE_MAX]);

#endif
