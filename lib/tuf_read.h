/* TUF metadata: bytes to structs, with all limits, no judgement of trust. */
#ifndef KILN_TUF_READ_H
#define KILN_TUF_READ_H

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf.h"

/* `name` is the role, for messages ("svc-dns-dhcp").  Wrong shape, type,
 * spec_version or size is ERR_TRUST; a key of unknown type is not. */
struct tuf_file *tuf_read(enum tuf_type, const char *name, const void *, size_t,
    struct err *) KILN_MUST;

#endif
