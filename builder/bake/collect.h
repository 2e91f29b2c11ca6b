/*
 * Taking what a build left in /out, which may be anything.
 *
 * Only after every process of the build is dead.  By directory descriptor,
 * no link followed, regular files only: exactly the declared ones.
 */
#ifndef KILN_COLLECT_H
#define KILN_COLLECT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/store.h"

struct output {
	char *name;
	struct hash sha256;
	int64_t size;
};
struct outputs { /* sorted by name */
	struct output *v;
	size_t n;
};
void outputs_release(struct outputs *);

/*
 * Hashes each output while it is copied into the store.  `limit`: bytes of
 * all together.  Not 0: *cause is a word (output-missing, output-undeclared,
 * output-type, output-size, no-space, or "system" when the machine failed)
 * and the error its sentence; nothing counts then.
 */
int collect(int outdir, const char *const *names, size_t n, int64_t limit,
    struct store *, struct outputs *, const char **cause,
    struct err *) KILN_MUST;

#endif
