/*
 * A compressed or delta form becomes an image: in a process of its own,
 * `kiln-agent -x unpack`, with a uid of its own, no network and no exec, and
 * three open files: the form, whose digest was checked, the old image, and
 * what it writes.  Its word is not taken: the parent hashes the result.
 */
#ifndef AGENT_UNPACK_H
#define AGENT_UNPACK_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/hash.h"
#include "lib/spawn.h"

struct unpack {
	struct child child;
	int sock; /* readable: unpack_result has something */
};

/* `old` -1: the form is only compressed.  `out`: an empty regular file of at
 * most `size` bytes when it is done. */
int unpack_start(struct unpack *, int form, int old, int out,
    const struct hash *head, int64_t size, struct err *) KILN_MUST;
/* Once `sock` is readable; ends the child. */
int unpack_result(struct unpack *, struct err *) KILN_MUST;
void unpack_stop(struct unpack *);

int unpack_main(void);

#endif
