/*
 * The deep view: what diffoscope says of two outputs, if the machine has it.
 * It starts dozens of programs on hostile bytes, so it runs in the jail of
 * builds (lib/sandbox.h): the machine's /usr, read-only, the two files, and
 * nothing else of it; no network.
 */
#ifndef KILN_DEEP_H
#define KILN_DEEP_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

#define DEEP_TEXT ((size_t)1 << 20) /* bytes of what it says */
#define DEEP_MS (10 * 60 * 1000)

struct deep_place {
	struct store *store;
	int workdir;	       /* a folder "deep" is made in it, and removed */
	const char *work_path; /* the same as bwrap reaches it */
};

/*
 * Appends text: newlines and printable ASCII.  ERR_MISSING: there is no
 * diffoscope on this machine.
 */
int deep_view(const struct deep_place *, const char *name, const struct hash *a,
    const struct hash *b, struct buf *, struct err *) KILN_MUST;

#endif
