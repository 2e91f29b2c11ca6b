/*
 * Bytes that travel between our own processes as a sealed memory file: what
 * is too long for a message.  Once sealed nobody, its maker included, can
 * change it, so the reader's checks hold for what it reads.
 */
#ifndef KILN_SEALED_H
#define KILN_SEALED_H

#include <stddef.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* A new descriptor, at its beginning, close-on-exec. */
int sealed_make(const void *, size_t, struct err *) KILN_MUST;
/* Appends all of it.  Anything but a sealed memory file of at most `limit`
 * bytes is ERR_INPUT, found before a byte of it is read. */
int sealed_read(int fd, size_t limit, struct buf *, struct err *) KILN_MUST;

#endif
