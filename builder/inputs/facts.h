/*
 * What of an index could matter to a lock, as sorted lines of text: two
 * states of an index are compared line by line, without libsolv, and only
 * the new one has to be read.  Runs in the index worker.
 *
 *	kiln-facts 1
 *	NAME PROVIDED… HEX       one for each stanza, sorted by bytes
 *	end HEX                  the SHA-256 of all before this line
 *
 * HEX (BLAKE2b) covers every field but those that neither the solver looks at
 * nor a lock holds.  Whatever is unusual in an index makes more lines differ,
 * never fewer.
 */
#ifndef KILN_FACTS_H
#define KILN_FACTS_H

#include "builder/inputs/lock.h"
#include "lib/buf.h"

#define FACTS_MAX ((size_t)256 << 20) /* bytes; Debian's are 6 MiB */

/* `xz`: Packages.xz, or Sources.xz; it is read once, to its end.  Appends. */
int facts_read(int xz, struct buf *out, struct err *) KILN_MUST;
/* Is the text whole, byte by byte?  Then its lines. */
int facts_lines(struct span text, struct span *lines, struct err *) KILN_MUST;
/* Adds, unsorted, every name in a line that only one of the two has. */
void facts_diff(struct span a, struct span b, struct lock_names *);

#endif
