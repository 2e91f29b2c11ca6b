/* One file of an archive: fetched, checked, kept.  For archive.c. */
#ifndef KILN_ARCHIVE_GET_H
#define KILN_ARCHIVE_GET_H

#include "builder/inputs/archive.h"
#include "builder/inputs/index.h"

#define INRELEASE_MAX (8 * 1024 * 1024)

/* base and path as one URL; the path's bytes are encoded. */
char *archive_url(const char *base, const char *path) KILN_MUST;
/* The first that fails to answer 200 sets *status and is ERR_MISSING (404,
 * 410) or ERR_BUSY. */
int archive_get(struct deb_archive *, const char *url, int64_t limit, int fd,
    void (*progress)(void *, int64_t, int64_t), void *arg,
    struct err *) KILN_MUST;
/* The same, of what may not have changed since `tags` were heard: 1: it came,
 * 0: it has not changed. */
int archive_get_if(struct deb_archive *, const char *url, int64_t limit, int fd,
    struct fetch_tags *tags, struct err *) KILN_MUST;
/* Into the store; ERR_TRUST if it is not what was listed. */
int archive_get_expected(struct deb_archive *, const char *url,
    const struct hash *, int64_t size,
    void (*progress)(void *, int64_t, int64_t), void *arg,
    struct err *) KILN_MUST;
/* The same of a file whose size (-1) nobody told. */
int archive_get_sized(struct deb_archive *, const char *url,
    const struct hash *, int64_t size, int64_t limit,
    void (*progress)(void *, int64_t, int64_t), void *arg,
    struct err *) KILN_MUST;

/* "main/binary-ARCH/Packages.xz", "main/source/Sources.xz". */
void archive_paths(const char *arch, char *paths[ARCHIVE_INDEXES]);
/* Signature, then the parsed text, of the InRelease file in `fd`. */
int archive_read_release(struct deb_archive *, int fd, const char *keyring,
    const char *arch, struct release *, struct err *) KILN_MUST;
/* Those indexes of a checked release that the store has not. */
int archive_get_indexes(struct deb_archive *, const char *suite,
    const char *uri, const struct release *, const char *arch,
    struct hash digests[ARCHIVE_INDEXES], struct err *) KILN_MUST;
/* The keyring to judge a suite by: its source's, else Debian's. */
const char *archive_keyring(
    const struct deb_archive *, const char *suite, const char *uri);

#endif
