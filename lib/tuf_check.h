/*
 * The client workflow of TUF section 5 as pure judgement: files in, verdict
 * out, no network and no clock inside.
 *
 * A `struct tuf_trust` holds what is trusted so far.  Each tuf_accept_* takes
 * the next file's exact bytes, checks everything the specification asks for
 * it, and only then replaces what was trusted; on failure nothing changes.
 * The caller persists the bytes after each acceptance.
 */
#ifndef KILN_TUF_CHECK_H
#define KILN_TUF_CHECK_H

#include "lib/attr.h"
#include "lib/err.h"
#include "lib/tuf.h"

struct tuf_trust;

/*
 * Where the specification leaves room: a keyid is a name and not compared
 * with the key's digest (TAP 12), but one public key counts once under however
 * many keyids.  Keys are Ed25519; those of other types never count and never
 * spoil a file.  A stored file that the new root's keys no longer sign is
 * forgotten; so are both timestamp and snapshot when a key was taken away.
 * Sentences end in the attack's name: (rollback), (freeze), (mix-and-match),
 * (threshold), (wrong bytes).
 */

/* TUF 5.1: `now` is taken once, used for every expiry of this run. */
struct tuf_trust *tuf_trust_new(int64_t now) KILN_MUST;
void tuf_trust_free(struct tuf_trust *);

/* TUF 5.2: the shipped or stored root, checked by its own keys only. */
int tuf_trust_root(
    struct tuf_trust *, const void *, size_t, struct err *) KILN_MUST;
/* TUF 5.3: exactly version N+1, signed by N's and N+1's thresholds. */
int tuf_accept_root(
    struct tuf_trust *, const void *, size_t, struct err *) KILN_MUST;
/* TUF 5.3.10: the chain has ended; the last root must not be expired. */
int tuf_root_done(struct tuf_trust *, struct err *) KILN_MUST;
/* TUF 5.3.11: has a root accepted in this run taken a key away from timestamp
 * or snapshot?  Then neither stored file may serve as a floor any more. */
bool tuf_rotated(const struct tuf_trust *);
/* Does the trusted root's threshold still sign this timestamp or snapshot? */
bool tuf_signed_by_root(const struct tuf_trust *, const struct tuf_file *);
/*
 * TUF 5.4.  `stored`: the bytes come from our own disk: expiry is not
 * judged, they only give the floor for versions.  Equal version to the
 * trusted one: 0 and *kept = true, the old one stays (and must not be
 * expired).
 */
int tuf_accept_timestamp(struct tuf_trust *, const void *, size_t, bool stored,
    bool *kept, struct err *) KILN_MUST;
/* TUF 5.5.  With `stored`, final only if version and hash match timestamp
 * (*final tells); else kept for the rollback check alone. */
int tuf_accept_snapshot(struct tuf_trust *, const void *, size_t, bool stored,
    bool *final, struct err *) KILN_MUST;
/* TUF 5.6: "targets", or a delegated role under its parent (already
 * accepted).  Also for files loaded from disk. */
int tuf_accept_targets(struct tuf_trust *, const char *role, const char *parent,
    const void *, size_t, struct err *) KILN_MUST;

const struct tuf_file *tuf_root(const struct tuf_trust *);
const struct tuf_file *tuf_timestamp(const struct tuf_trust *);
const struct tuf_file *tuf_snapshot(const struct tuf_trust *);
const struct tuf_file *tuf_role(const struct tuf_trust *, const char *role);
/* The accepted role if `parent`'s own keys signed it, whoever it was accepted
 * under; NULL sets the error. */
const struct tuf_file *tuf_role_for(const struct tuf_trust *, const char *role,
    const char *parent, struct err *) KILN_MUST;

/*
 * TUF 5.6.7: pre-order search for `path`.  Asks `need` for each role that is
 * not yet accepted; `need` fetches or loads its bytes and calls
 * tuf_accept_targets; not 0 ends the search.  *found NULL: nobody lists it.
 * *role names who does.
 */
typedef int tuf_need(
    void *arg, const char *role, const char *parent, struct err *);
int tuf_find(struct tuf_trust *t, const char *path, tuf_need *need, void *arg,
    const struct tuf_target **found, const char **role,
    struct err *err) KILN_MUST;

/* How many distinct *public keys* of `role` (as `delegator` lists them) have
 * good signatures on `file`: a floor of the router's own (`min_keys`). */
size_t tuf_keys_signed(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file);
/* The same check as accept_*: threshold of distinct keys, a keyid twice
 * refuses the file. */
int tuf_threshold(const struct tuf_file *delegator, const char *role,
    const struct tuf_file *file, struct err *) KILN_MUST;
/* Length and every listed hash of bytes that were hashed elsewhere. */
int tuf_target_check(const struct tuf_target *, int64_t length,
    const struct hash *sha256, const uint8_t *sha512, struct err *) KILN_MUST;

#endif
