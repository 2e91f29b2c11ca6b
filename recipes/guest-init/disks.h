/*
 * The disks of a guest: its own root, read-only; the configuration disk,
 * read-only and known by its first bytes; volumes, ext4, known by their serial
 * numbers.  Names like /dev/vdb mean nothing here.
 */
#ifndef GUEST_INIT_DISKS_H
#define GUEST_INIT_DISKS_H

#include "recipes/guest-init/config.h"

/* proc, sys, dev, run and tmp, in that order. */
int disks_mount_system(struct fault *);
/* Looks for up to `wait_ms`; two configuration disks are as bad as none. */
int disks_config(int wait_ms, struct config *, struct fault *);
int disks_mount_volumes(const struct config *, struct fault *);
/* Everything written is on the disks, and whoever writes more waits until
 * they are thawed.  Twice is once. */
int disks_freeze(const struct config *, struct fault *);
void disks_thaw(const struct config *);
/* At the end; what cannot be unmounted is made read-only. */
void disks_unmount_volumes(const struct config *);

#endif
