#include "lib/tuf_check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/tuf_read.h"

struct accepted {
	char *name;
	char *parent; /* whose keys it was checked by */
	struct tuf_file *file;
};

struct tuf_trust {
	int64_t now;
	struct tuf_file *root, *timestamp, *snapshot;
	bool root_done;
	bool rotated;
	bool timestamp_final; /* not merely the floor from our own disk */
	bool snapshot_final;
	struct accepted *roles;
	size_t nroles, cap;
};

struct tuf_trust *
tuf_trust_new(int64_t now)
{
	struct tuf_trust *t = mem_zero(1, sizeof(*t));

	t->now = now;
	return t;
}

static void
forget_roles(struct tuf_trust *t)
{
	for (size_t i = 0; i < t->nroles; i++) {
		free(t->roles[i].name);
		free(t->roles[i].parent);
		tuf_file_free(t->roles[i].file);
	}
	t->nroles = 0;
}

void
tuf_trust_free(struct tuf_trust *t)
{
	if (!t)
		return;
	forget_roles(t);
	free(t->roles);
	tuf_file_free(t->root);
	tuf_file_free(t->timestamp);
	tuf_file_free(t->snapshot);
	free(t);
}

static void
replace(struct tuf_file **old, struct tuf_file **new)
{
	tuf_file_free(*old);
	*old = take_ptr(new);
}

static int
unexpired(const struct tuf_trust *t, const char *name, const struct tuf_file *f,
    struct err *err)
{
	char at[TIME_TEXT], now[TIME_TEXT];

	if (f->expires > t->now)
		return 0;
	time_text(f->expires, at);
	time_text(t->now, now);
	return err_set(err, ERR_TRUST,
	    "%s.json: version %" PRId64 " expired at %s, it is %s (freeze)",
	    name, f->version, at, now);
}

/* Before parsing: length and all listed hashes of the exact bytes. */
static int
match_meta(const char *name, const struct tuf_meta *m, const void *bytes,
    size_t n, struct err *err)
{
	struct hash h;
	uint8_t h512[64];

	if (m->length >= 0 && (uint64_t)m->length != n)
		return err_set(err, ERR_TRUST,
		    "%s.json: %zu bytes, %" PRId64 " are listed (wrong bytes)",
		    name, n, m->length);
	if (!m->has_hashes)
		return 0;
	if (!m->has_sha256 && !m->has_sha512)
		return err_set(err, ERR_TRUST,
		    "%s.json: listed with hashes of unknown kinds only"
		    " (wrong bytes)",
		    name);
	hash_bytes(&h, bytes, n);
	if (m->has_sha256 && !hash_equal(&h, &m->sha256))
		return err_set(err, ERR_TRUST,
		    "%s.json: its SHA-256 is not the listed one"
		    " (wrong bytes)",
		    name);
	hash512_bytes(h512, bytes, n);
	if (m->has_sha512 && memcmp(h512, m->sha512, sizeof(h512)) != 0)
		return err_set(err, ERR_TRUST,
		    "%s.json: its SHA-512 is not the listed one"
		    " (wrong bytes)",
		    name);
	return 0;
}

static int
rolled_back(const char *name, int64_t is, int64_t was, struct err *err)
{
	return err_set(err, ERR_TRUST,
	    "%s: version %" PRId64 " is lower than %" PRId64
	    ", which was trusted before (rollback)",
	    name, is, was);
}

/* TUF 5.2 */
int
tuf_trust_root(
    struct tuf_trust *t, const void *bytes, size_t n, struct err *err)
{
	auto_tuf struct tuf_file *f = tuf_read(TUF_ROOT, "root", bytes, n, err);

	assert(!t->root);
	if (!f || tuf_threshold(f, "root", f, err) == -1)
		return -1;
	replace(&t->root, &f);
	return 0;
}

/* Is a key of `was` no longer a key of `is`? */
static bool
key_taken_away(const struct tuf_role *was, const struct tuf_role *is)
{
	for (size_t i = 0; i < was->nkeyids; i++) {
		size_t k = 0;

		while (k < is->nkeyids &&
		       strcmp(was->keyids[i], is->keyids[k]) != 0)
			k++;
		if (k == is->nkeyids)
			return true;
	}
	return false;
}

/* TUF 5.3.4 to 5.3.6; an expired one in the middle of the chain is fine. */
int
tuf_accept_root(
    struct tuf_trust *t, const void *bytes, size_t n, struct err *err)
{
	auto_tuf struct tuf_file *f = tuf_read(TUF_ROOT, "root", bytes, n, err);

	assert(t->root && !t->root_done);
	if (!f)
		return -1;
	if (tuf_threshold(t->root, "root", f, err) == -1)
		return err_prefix(
		    err, "by the keys of root %" PRId64, t->root->version);
	if (tuf_threshold(f, "root", f, err) == -1)
		return err_prefix(err, "by its own keys");
	if (f->version < t->root->version)
		return rolled_back(
		    "root.json", f->version, t->root->version, err);
	if (f->version != t->root->version + 1)
		return err_set(err, ERR_TRUST,
		    "root.json: version %" PRId64 " does not follow %" PRId64
		    " (root chain)",
		    f->version, t->root->version);
	for (int i = TUF_TIMESTAMP; i <= TUF_SNAPSHOT; i++)
		if (key_taken_away(&t->root->roles[i], &f->roles[i]))
			t->rotated = true;
	replace(&t->root, &f);
	return 0;
}

bool
tuf_rotated(const struct tuf_trust *t)
{
	return t->rotated;
}

bool
tuf_signed_by_root(const struct tuf_trust *t, const struct tuf_file *f)
{
	struct err why = ERR_INIT;

	return tuf_threshold(t->root, tuf_type_name(f->type), f, &why) == 0;
}

/* TUF 5.3.10 */
int
tuf_root_done(struct tuf_trust *t, struct err *err)
{
	assert(t->root);
	if (unexpired(t, "root", t->root, err) == -1)
		return -1;
	t->root_done = true;
	return 0;
}

/* TUF 5.4.3 */
static int
timestamp_floor(
    const struct tuf_file *old, const struct tuf_file *new, struct err *err)
{
	int64_t was = tuf_meta_find(old, "snapshot.json")->version;
	int64_t is = tuf_meta_find(new, "snapshot.json")->version;

	if (new->version < old->version)
		return rolled_back(
		    "timestamp.json", new->version, old->version, err);
	if (new->version > old->version && is < was)
		return rolled_back(
		    "timestamp.json: listed snapshot", is, was, err);
	return 0;
}

/* TUF 5.4 */
int
tuf_accept_timestamp(struct tuf_trust *t, const void *bytes, size_t n,
    bool stored, bool *kept, struct err *err)
{
	auto_tuf struct tuf_file *f =
	    tuf_read(TUF_TIMESTAMP, "timestamp", bytes, n, err);

	assert(t->root_done);
	if (!f || tuf_threshold(t->root, "timestamp", f, err) == -1)
		return -1;
	if (t->timestamp && timestamp_floor(t->timestamp, f, err) == -1)
		return -1;
	if (t->timestamp && f->version == t->timestamp->version) {
		if (!stored &&
		    unexpired(t, "timestamp", t->timestamp, err) == -1)
			return -1;
		t->timestamp_final |= !stored;
		*kept = true;
		return 0;
	}
	if (!stored && unexpired(t, "timestamp", f, err) == -1)
		return -1;
	replace(&t->timestamp, &f);
	t->timestamp_final = !stored;
	t->snapshot_final = false;
	forget_roles(t);
	*kept = false;
	return 0;
}

/* TUF 5.5.5 */
static int
snapshot_floor(
    const struct tuf_file *old, const struct tuf_file *new, struct err *err)
{
	for (size_t i = 0; i < old->nmeta; i++) {
		const struct tuf_meta *was = &old->meta[i];
		const struct tuf_meta *is = tuf_meta_find(new, was->name);

		if (!is)
			return err_set(err, ERR_TRUST,
			    "snapshot.json: it no longer lists \"%.80s\""
			    " (rollback)",
			    was->name);
		if (is->version < was->version) {
			auto_free char *where = mem_printf(
			    "snapshot.json: listed \"%.80s\"", was->name);

			return rolled_back(
			    where, is->version, was->version, err);
		}
	}
	return 0;
}

/* Is a snapshot from our own disk the one that timestamp names? */
static bool
is_current(const struct tuf_trust *t, const struct tuf_file *f,
    const void *bytes, size_t n)
{
	const struct tuf_meta *m = tuf_meta_find(t->timestamp, "snapshot.json");
	struct err why = ERR_INIT;

	return m->version == f->version &&
	       match_meta("snapshot", m, bytes, n, &why) == 0 &&
	       unexpired(t, "snapshot", f, &why) == 0;
}

/* TUF 5.5 */
int
tuf_accept_snapshot(struct tuf_trust *t, const void *bytes, size_t n,
    bool stored, bool *final, struct err *err)
{
	auto_tuf struct tuf_file *f = NULL;
	const struct tuf_meta *m;

	assert(t->timestamp && t->timestamp_final);
	m = tuf_meta_find(t->timestamp, "snapshot.json");
	if (!stored && match_meta("snapshot", m, bytes, n, err) == -1)
		return -1;
	f = tuf_read(TUF_SNAPSHOT, "snapshot", bytes, n, err);
	if (!f || tuf_threshold(t->root, "snapshot", f, err) == -1)
		return -1;
	if (!stored && f->version != m->version)
		return err_set(err, ERR_TRUST,
		    "snapshot.json: version %" PRId64
		    ", timestamp lists %" PRId64 " (mix-and-match)",
		    f->version, m->version);
	if (t->snapshot && snapshot_floor(t->snapshot, f, err) == -1)
		return -1;
	if (!stored && unexpired(t, "snapshot", f, err) == -1)
		return -1;
	*final = !stored || is_current(t, f, bytes, n);
	t->snapshot_final = *final;
	replace(&t->snapshot, &f);
	forget_roles(t);
	return 0;
}

static struct accepted *
find_accepted(const struct tuf_trust *t, const char *name)
{
	for (size_t i = 0; i < t->nroles; i++)
		if (strcmp(t->roles[i].name, name) == 0)
			return &t->roles[i];
	return NULL;
}

static const struct tuf_file *
parent_file(const struct tuf_trust *t, const char *parent)
{
	if (strcmp(parent, "root") == 0)
		return t->root;
	return tuf_role(t, parent);
}

static void
keep_role(struct tuf_trust *t, const char *name, const char *parent,
    struct tuf_file **f)
{
	struct accepted *a = find_accepted(t, name);

	if (!a) {
		MEM_GROW(t->roles, t->nroles, t->cap);
		a = &t->roles[t->nroles++];
		*a = (struct accepted){ mem_str(name), mem_str(parent), NULL };
	}
	replace(&a->file, f);
}

/* TUF 5.6 */
int
tuf_accept_targets(struct tuf_trust *t, const char *role, const char *parent,
    const void *bytes, size_t n, struct err *err)
{
	auto_free char *name = mem_printf("%s.json", role);
	auto_tuf struct tuf_file *f = NULL;
	const struct tuf_file *by;
	const struct tuf_meta *m;

	assert(t->snapshot && t->snapshot_final);
	by = parent_file(t, parent);
	if (!by)
		return err_set(err, ERR_TRUST,
		    "%s: its delegator \"%.60s\" is not trusted", name, parent);
	m = tuf_meta_find(t->snapshot, name);
	if (!m)
		return err_set(err, ERR_TRUST,
		    "%s: snapshot does not list it (mix-and-match)", name);
	if (match_meta(role, m, bytes, n, err) == -1)
		return -1;
	f = tuf_read(TUF_TARGETS, role, bytes, n, err);
	if (!f || tuf_threshold(by, role, f, err) == -1)
		return -1;
	if (f->version != m->version)
		return err_set(err, ERR_TRUST,
		    "%s: version %" PRId64 ", snapshot lists %" PRId64
		    " (mix-and-match)",
		    name, f->version, m->version);
	if (unexpired(t, role, f, err) == -1)
		return -1;
	keep_role(t, role, parent, &f);
	return 0;
}

const struct tuf_file *
tuf_root(const struct tuf_trust *t)
{
	return t->root;
}

const struct tuf_file *
tuf_timestamp(const struct tuf_trust *t)
{
	return t->timestamp_final ? t->timestamp : NULL;
}

const struct tuf_file *
tuf_snapshot(const struct tuf_trust *t)
{
	return t->snapshot_final ? t->snapshot : NULL;
}

const struct tuf_file *
tuf_role(const struct tuf_trust *t, const char *role)
{
	const struct accepted *a = find_accepted(t, role);

	return a ? a->file : NULL;
}

const struct tuf_file *
tuf_role_for(const struct tuf_trust *t, const char *role, const char *parent,
    struct err *err)
{
	const struct accepted *a = find_accepted(t, role);

	if (!a)
		err_set(err, ERR_TRUST, "%s.json: not accepted", role);
	else if (strcmp(a->parent, parent) == 0 ||
		 tuf_threshold(parent_file(t, parent), role, a->file, err) == 0)
		return a->file;
	return NULL;
}

int
tuf_target_check(const struct tuf_target *t, int64_t length,
    const struct hash *sha256, const uint8_t *sha512, struct err *err)
{
	if (length != t->length)
		return err_set(err, ERR_TRUST,
		    "target %.80s: %" PRId64 " bytes, %" PRId64
		    " are listed (wrong bytes)",
		    t->path, length, t->length);
	if (!t->has_sha256 && !t->has_sha512)
		return err_set(err, ERR_TRUST,
		    "target %.80s: listed with hashes of unknown kinds only",
		    t->path);
	if (t->has_sha256 && (!sha256 || !hash_equal(sha256, &t->sha256)))
		return err_set(err, ERR_TRUST,
		    "target %.80s: its SHA-256 is not the listed one"
		    " (wrong bytes)",
		    t->path);
	if (t->has_sha512 &&
	    (!sha512 || memcmp(sha512, t->sha512, sizeof(t->sha512)) != 0))
		return err_set(err, ERR_TRUST,
		    "target %.80s: its SHA-512 is not the listed one"
		    " (wrong bytes)",
		    t->path);
	return 0;
}
