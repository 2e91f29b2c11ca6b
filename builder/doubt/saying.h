/*
 * What a doubter says of the runs of a reproduction: an unsigned statement for
 * each, good or bad (builder/judge/attest.h), which wait in a folder until
 * they were handed in.
 */
#ifndef KILN_SAYING_H
#define KILN_SAYING_H

#include "builder/doubt/doubt.h"
#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

/* After doubt_run.  A run whose outputs are not those that somebody claimed
 * says `differs`, however equal its own lanes are. */
int saying_put(const struct doubt *, int workdir, struct err *) KILN_MUST;

/* Calls `fn` for each that waits; 1: it is done with and goes, 0: it stays for
 * the next time. */
typedef int saying_fn(
    void *arg, const struct hash *, const struct buf *text, struct err *);
int saying_each(int workdir, saying_fn *, void *arg, struct err *) KILN_MUST;

#endif
