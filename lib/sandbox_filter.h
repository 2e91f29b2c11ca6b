/*
 * The system calls a jailed program is refused: a seccomp deny list.
 *
 * A deny list and not an allow list, since build tools use nearly everything
 * and one that lacks a call may spin for ever instead of failing.  Refused
 * calls get EPERM, so that a program can say so; clone3 and openat2 get ENOSYS,
 * so that libc falls back to calls whose arguments a filter can read, and so
 * does every call that is newer than this list.
 */
#ifndef KILN_SANDBOX_FILTER_H
#define KILN_SANDBOX_FILTER_H

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"

/* A sealed memfd holding the BPF program, for `bwrap --seccomp`. */
int sandbox_filter_fd(struct err *) KILN_MUST;
/* The rules as text, for the policy digest; appends. */
void sandbox_filter_text(struct buf *);

#endif
