/* What a device says, signed by its own key: {"WHAT":{…},"key","sig"}. */
#ifndef KILN_API_DEVICE_H
#define KILN_API_DEVICE_H

#include <jansson.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

struct device_word {
	json_t *record;	       /* borrowed */
	const char *key, *sig; /* borrowed: hex */
	char router[HASH_HEX]; /* the digest of the key */
};

/*
 * The key signed the canonical record, which is appended to `canonical`, and
 * the record's "router" is the key's digest.  ERR_TRUST when not.
 */
int device_read(const char *what, const json_t *, struct device_word *,
    struct buf *canonical, struct err *) KILN_MUST;

#endif
