/*
 * TUF metadata as plain structs (TUF 1.0, section 4).  Filled by tuf_read
 * from bytes, judged by tuf_check.  `signed_json` keeps every member, known
 * or not, since the signature covers them all.
 */
#ifndef KILN_TUF_H
#define KILN_TUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/hash.h"
#include "lib/sig.h"

enum tuf_type { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS };

/* Limits of python-tuf and tuf-js; ours must stay below them. */
#define TUF_ROOT_MAX 512000
#define TUF_TIMESTAMP_MAX 16384
#define TUF_SNAPSHOT_MAX 2000000
#define TUF_TARGETS_MAX 5000000
#define TUF_ROOTS_MAX 1100 /* fault-tests.md T6: 1,024 rotations in one run */
#define TUF_ROLES_MAX 32

struct tuf_key {
	char *keyid;
	bool usable; /* ed25519 and well-formed; else ignored */
	struct sig_public pub;
	char *public; /* keyval.public as written, for showing; or NULL */
};

struct tuf_role { /* who may sign a role */
	char *name;
	char **keyids;
	size_t nkeyids;
	int64_t threshold; /* >= 1 */
	/* delegations only */
	bool terminating;
	char **paths; /* exactly one of paths and prefixes */
	size_t npaths;
	char **prefixes;
	size_t nprefixes;
};

struct tuf_meta {   /* one entry of snapshot or timestamp */
	char *name; /* "targets.json" */
	int64_t version;
	int64_t length; /* -1: not given */
	bool has_sha256, has_sha512, has_hashes;
	struct hash sha256;
	uint8_t sha512[64];
};

struct tuf_target {
	char *path;
	int64_t length;
	bool has_sha256, has_sha512;
	struct hash sha256;
	uint8_t sha512[64];
	json_t *custom; /* borrowed from signed_json, or NULL */
};

struct tuf_signature {
	char *keyid;
	bool usable; /* 128 hex digits */
	struct sig sig;
};

struct tuf_file {
	enum tuf_type type;
	int64_t version;
	int64_t expires; /* Unix seconds */
	json_t *signed_json;
	struct tuf_signature *signatures;
	size_t nsignatures;
	/* root */
	bool consistent_snapshot;
	struct tuf_key *keys; /* also of delegations */
	size_t nkeys;
	struct tuf_role *roles; /* root's four, or the delegations in order */
	size_t nroles;
	/* timestamp, snapshot */
	struct tuf_meta *meta;
	size_t nmeta;
	/* targets */
	struct tuf_target *targets;
	size_t ntargets;
};

void tuf_file_free(struct tuf_file *);
static inline void
tuf_own(struct tuf_file **f)
{
	tuf_file_free(*f);
}
#define auto_tuf __attribute__((cleanup(tuf_own)))

const char *tuf_type_name(enum tuf_type); /* "root" … */
const struct tuf_key *tuf_key_find(const struct tuf_file *, const char *keyid);
const struct tuf_role *tuf_role_find(const struct tuf_file *, const char *);
const struct tuf_meta *tuf_meta_find(const struct tuf_file *, const char *);
const struct tuf_target *tuf_target_find(
    const struct tuf_file *, const char *path);

/* keyid of an Ed25519 key: SHA-256 of its canonical key object (TUF 4.2). */
void tuf_keyid(const struct sig_public *, char out[HASH_HEX]);
/* {"keytype":"ed25519",…}: new reference. */
json_t *tuf_key_json(const struct sig_public *);
/* fnmatch of a delegation's pattern, per path component (TUF 4.5). */
bool tuf_path_match(const char *pattern, const char *path);
/* Does the delegation cover `path`, by its paths or its hash prefixes? */
bool tuf_role_covers(const struct tuf_role *, const char *path);
/* The same of a path whose SHA-256 is known, for searches through bins. */
bool tuf_role_covers_hash(
    const struct tuf_role *, const char *path, const char hex[HASH_HEX]);
/* Percent-encodes all but unreserved characters, dots stay: the name of a
 * role in URLs and on disk, before ".json". */
char *tuf_role_filename(const char *role);

#endif
