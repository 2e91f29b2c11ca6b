/*
 * Members of a router file (docs/formats.md): a GNU tar, uncompressed, read
 * where it lies.  Whoever wrote it may be anybody: what is not a plain file in
 * that form is passed over or refused, and nothing is unpacked.
 */
#ifndef AGENT_TAR_H
#define AGENT_TAR_H

#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"

#define TAR_MEMBERS 65536 /* looked at, at most */

/* Where the bytes of a regular file begin, and how many.  The first of that
 * name counts.  ERR_MISSING: there is none; ERR_INPUT: it is no such archive.
 * The descriptor's offset is neither used nor moved. */
int tar_find(int fd, const char *name, int64_t *at, int64_t *size,
    struct err *) KILN_MUST;

#endif
