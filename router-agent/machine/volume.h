/*
 * State volumes: ext4 disks that outlive the machines that write them.  Below
 * the state folder, volumes/SERVICE/NAME.GENERATION; which generation belongs
 * to which set is the record's to say (`state` of a set's service).  No two
 * sets write one file: a new machine gets a copy, and a way back is the old
 * file.
 *
 * A file is as durable as what was flushed to it by whoever wrote; a fresh one
 * and a copy are durable on return, before any record names them.
 */
#ifndef AGENT_VOLUME_H
#define AGENT_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/attr.h"
#include "lib/err.h"
#include "router-agent/set.h"

/* Called between pieces of a copy; true stops it (ERR_BUSY). */
typedef bool volume_step_fn(void *arg);

/* For reading and writing.  ERR_MISSING: there is none. */
int volume_open(int volumes, const char *service, const char *name,
    int64_t generation, int *fd, struct err *) KILN_MUST;
/* An empty ext4 in place of whatever is there. */
int volume_make(int volumes, const char *service, const struct set_volume *,
    int64_t generation, struct err *) KILN_MUST;
/*
 * Generation `to` becomes what `from` is, in place of whatever is there, and
 * as large as `v` says if that is more: by a reflink, else by a copy of what
 * is allocated, at most `most` bytes (ERR_INPUT above it).  Nobody may write
 * to either meanwhile.
 */
int volume_copy(int volumes, const char *service, const struct set_volume *v,
    int64_t from, int64_t to, int64_t most, volume_step_fn *, void *arg,
    struct err *) KILN_MUST;
/* Bytes that a copy of it takes; 0: it is not there. */
int64_t volume_allocated(
    int volumes, const char *service, const char *name, int64_t generation);
/* Does the file system of the folder copy by reference? */
bool volume_reflinks(int volumes);
/* The highest of a service's generations; 0: it has none. */
int64_t volume_newest(int volumes, const char *service);

/* Removes each generation for which `keep` is false. */
typedef bool volume_keep_fn(
    const void *arg, const char *service, int64_t generation);
int volume_sweep(
    int volumes, volume_keep_fn *keep, const void *arg, struct err *) KILN_MUST;

#endif
