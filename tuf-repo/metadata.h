/* The signed parts of role files as JSON, and the files around them. */
#ifndef KILN_METADATA_H
#define KILN_METADATA_H

#include <stdint.h>

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/sig.h"
#include "tuf-repo/roles.h"

/* `_type`, `spec_version`, `version`, `expires`: every role has these. */
json_t *meta_signed(
    const char *role, int64_t version, int64_t expires) KILN_MUST;
/* {"hashes":{"sha256":…},"length":…} and "version" when it is not 0. */
json_t *meta_entry(
    const struct hash *, int64_t length, int64_t version) KILN_MUST;
/* {"keyids":[…],"threshold":k}, and adds the keys to `keys`. */
json_t *meta_keyids(const struct sig_public *, size_t n, int64_t threshold,
    json_t *keys) KILN_MUST;
/* An entry of delegations.roles: name, paths and terminating by its rule. */
json_t *meta_delegation(const char *role, const struct sig_public *, size_t n,
    int64_t threshold, json_t *keys) KILN_MUST;
void meta_set_time(json_t *, const char *key, int64_t);

struct meta_signature {
	struct sig_public key;
	struct sig sig;
};
/* The published file; `signatures` may be empty for a draft.  Appends. */
int meta_file(const void *signed_bytes, size_t, struct meta_signature *,
    size_t n, struct buf *, struct err *) KILN_MUST;

#endif
