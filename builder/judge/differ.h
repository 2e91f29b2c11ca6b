/*
 * What two files differ in, member by member: cpio, tar, ar (.deb) and zip,
 * erofs images, ELF by section and symbol, gzip, xz, zstd and bzip2 layers,
 * text by line; anything else by its first byte that is not the same.
 *
 * The bytes are hostile.  They are read by a child of its own (`-x differ`)
 * that has no network, no programs, no files but the two it is given, and
 * limits of memory and time; what it says is checked like any other foreign
 * JSON.  The program's main() must hand "-x differ" to differ_main().
 *
 * Limits: DIFFER_DEPTH containers within each other, DIFFER_FINDINGS lines,
 * DIFFER_MEMBERS members of a container, DIFFER_INSIDE bytes of a member
 * that is looked into, DIFFER_SECONDS of processor.  What lies beyond them is
 * compared by its bytes, and `cut` says that there is more.
 */
#ifndef KILN_DIFFER_H
#define KILN_DIFFER_H

#include <stddef.h>

#include <jansson.h>

#include "builder/bake/collect.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/store.h"

#define DIFFER_DEPTH 8
#define DIFFER_FINDINGS 100
#define DIFFER_MEMBERS 200000
#define DIFFER_INSIDE ((size_t)64 << 20)
#define DIFFER_SECONDS 120

/* One output on two sides; -1: that side has none.  Read from their
 * beginnings, which need not be at the offset. */
struct differ_pair {
	const char *name;
	int a, b;
};

/*
 * kiln/difference (docs/formats.md): new reference.  Equal files give no
 * findings.  A child that dies of what it reads is no error: the pair is
 * then compared by its bytes, and the finding says so.
 */
json_t *differ_compare(
    const struct differ_pair *, size_t n, struct err *) KILN_MUST;
/* The same for what two runs left, both in one store. */
json_t *differ_outputs(struct store *, const struct outputs *a,
    const struct outputs *b, struct err *) KILN_MUST;
/* A finding a line: where, and what it is on each side. */
void differ_words(const json_t *difference, struct buf *);
void differ_words_one(const json_t *finding, struct buf *); /* no newline */
/* `-x differ`: descriptors 3 and 4, JSON to stdout; an exit code. */
int differ_main(void);

#endif
