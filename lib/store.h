/*
 * Finished artifacts, named by the SHA-256 of their bytes: ab/HEX64.
 * Nothing in a store ever changes; files are 0444.  A file's time says when it
 * was last brought here, which keeps `kiln gc` from what somebody is about to
 * name.
 */
#ifndef KILN_STORE_H
#define KILN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/attr.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/hash.h"

struct store;

struct store *store_open(int dirfd, struct err *) KILN_MUST; /* dups dirfd */
void store_free(struct store *);

/* Copies from src's offset to its end, hashing; durable on return. */
int store_put(struct store *, int src, struct hash *, int64_t *size,
    struct err *) KILN_MUST;
/* The same, refused (ERR_TRUST) unless hash and size come out as given;
 * size -1: any. */
int store_put_expected(struct store *, int src, const struct hash *,
    int64_t size, struct err *) KILN_MUST;
int store_put_bytes(struct store *, const void *, size_t, struct hash *,
    struct err *) KILN_MUST;
/* Opens for reading.  Sets *fd only on success; ERR_MISSING: not here. */
int store_get(
    struct store *, const struct hash *, int *fd, struct err *) KILN_MUST;
/* Reads a whole artifact and checks its hash (ERR_TRUST if it rotted). */
int store_read(struct store *, const struct hash *, size_t limit, struct buf *,
    struct err *) KILN_MUST;
bool store_has(struct store *, const struct hash *);
/* Hashes it again: ERR_TRUST if damaged. */
int store_verify(struct store *, const struct hash *, struct err *) KILN_MUST;
/*
 * Names an artifact elsewhere: a hard link where the kernel allows it, else
 * a copy that is hashed on the way (fs.protected_hardlinks: only the owner of
 * a file may link it).  Already there with the same content is success.
 */
int store_link(struct store *, const struct hash *, int dirfd, const char *name,
    struct err *) KILN_MUST;
/*
 * Calls `fn` for every artifact, by digest; names that are no digest are
 * passed over.  `fn` returns 0 to go on and may remove what it is called for.
 */
typedef int store_fn(
    void *arg, const struct hash *, const struct stat *, struct err *);
int store_walk(struct store *, store_fn *, void *arg, struct err *) KILN_MUST;
/* Nothing there is success.  Not synced: what comes back after a power cut
 * was finished once. */
int store_remove(struct store *, const struct hash *, struct err *) KILN_MUST;
int store_folder(const struct store *); /* its descriptor; borrowed */
/* Path relative to the store folder, "ab/ab…": 68 bytes with NUL. */
#define STORE_PATH 68
void store_path(const struct hash *, char out[STORE_PATH]);

#endif
