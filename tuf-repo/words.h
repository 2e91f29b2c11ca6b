/*
 * The difference between two versions of an offline role, in words, for the
 * person who is asked to sign.  Nothing is left out: members that have no
 * words of their own are shown as JSON.
 */
#ifndef KILN_WORDS_H
#define KILN_WORDS_H

#include "lib/buf.h"
#include "lib/tuf.h"

/* Lines, each ended by a newline; `old` NULL: all of it is new. */
void words_difference(const char *role, const struct tuf_file *old,
    const struct tuf_file *next, struct buf *);
/* The first 16 digits of a keyid: how keys are named to people. */
#define KEYID_SHOWN 16

#endif
