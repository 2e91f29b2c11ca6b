/*
 * Signed TUF metadata for tests: build a `signed` object, change it with
 * jansson as the test likes, sign it with any keys.  Everything here asserts.
 */
#ifndef KILN_TUFMAKE_H
#define KILN_TUFMAKE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/buf.h"
#include "lib/hash.h"
#include "lib/sig.h"

struct tufmake_key {
	struct sig_seed seed;
	struct sig_public pub;
	char keyid[HASH_HEX];
};

/* The n-th key: always the same one. */
void tufmake_key(struct tufmake_key *, unsigned n);

/* A day far off, unless the test sets another "expires". */
#define TUFMAKE_EXPIRES "2035-01-01T00:00:00Z"

json_t *tufmake_root(int64_t version); /* no keys; consistent snapshots */
/* Sets the keys of one of root's roles. */
void tufmake_root_role(json_t *root, const char *role,
    const struct tufmake_key *, size_t n, int64_t threshold);
json_t *tufmake_timestamp(int64_t version, int64_t snapshot_version,
    const struct buf *snapshot); /* NULL: no length and hashes */
json_t *tufmake_snapshot(int64_t version);
void tufmake_snapshot_add(json_t *snapshot, const char *role, int64_t version,
    const struct buf *bytes);
json_t *tufmake_targets(int64_t version);
void tufmake_target(json_t *targets, const char *path, const char *content);
/* `path`: one pattern. */
void tufmake_delegate(json_t *targets, const char *role,
    const struct tufmake_key *, size_t n, int64_t threshold, bool terminating,
    const char *path);

/* {"signatures": […], "signed": …}, replacing what `out` held; keeps the
 * reference. */
void tufmake_sign(const json_t *signed_part, const struct tufmake_key *,
    size_t n, struct buf *out);

#endif
