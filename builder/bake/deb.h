/*
 * Unpacking a .deb without running anything of it.
 *
 * Only data.tar is read; maintainer scripts are never looked at.  What comes
 * out does not depend on who unpacks it or when: modes are 0755 or 0644
 * (without set-id bits), times are DEB_CLOCK, owners are ours.  bin, sbin,
 * lib, lib32, lib64 and libx32 become usr/… (merged /usr).
 */
#ifndef KILN_DEB_H
#define KILN_DEB_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/attr.h"
#include "lib/err.h"

/* Of every file and folder in an environment: one file serves recipes with
 * different clocks. */
#define DEB_CLOCK 1577836800 /* 2020-01-01T00:00:00Z */

/*
 * Unpacks the archive read from `fd` into the empty folder `dirfd`.  `what`
 * names it in messages.  ERR_INPUT: not a .deb, or a member that leaves the
 * folder, is a device, or comes twice.
 */
int deb_unpack(const char *what, int fd, int dirfd, struct err *) KILN_MUST;

/*
 * A member's name as it lies in an environment: no leading "./" or "/", no
 * empty, "." or ".." component, merged /usr.  "" for the root itself.  False
 * when it must not be used.
 */
bool deb_path(const char *member, char *out, size_t room);

#endif
