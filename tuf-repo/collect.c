#include "tuf-repo/collect.h"

#include <stdlib.h>
#include <string.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tuf_check.h"
#include "lib/tuf_read.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/setrules.h"

int
collect_delegator(
    struct repo *r, const char *role, struct tuf_file **file, struct err *err)
{
	const char *parent = role_parent(role);

	if (role_load_newest(r->db, parent, file, err) == -1)
		return -1;
	if (!*file)
		return err_set(err, ERR_MISSING,
		    "there is no %s yet; run kiln-tuf init", parent);
	return 0;
}

int
collect_propose(
    struct repo *r, const char *role, const json_t *part, struct err *err)
{
	return collect_propose_above(r, role, part, 0, err);
}

int
collect_propose_above(struct repo *r, const char *role, const json_t *part,
    int64_t floor, struct err *err)
{
	static const char sql[] = "INSERT INTO role"
				  "(name, version, made_at, expires, signed) "
				  "VALUES (?1, ?2, ?3, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf bytes = BUF_INIT;
	auto_buf struct buf draft = BUF_INIT;
	auto_tuf struct tuf_file *file = NULL;
	int64_t newest;

	if (canon_json(part, &bytes, err) == -1 ||
	    meta_file(bytes.data, bytes.len, NULL, 0, &draft, err) == -1 ||
	    !(file = tuf_read(
		  role_type(role), role, draft.data, draft.len, err)) ||
	    role_newest(r->db, role, false, &newest, err) == -1)
		return err_prefix(err, "propose %s", role);
	if (newest < floor)
		newest = floor;
	if (file->version != newest + 1)
		return err_set(err, ERR_INPUT,
		    "%s: version %lld proposed after %lld", role,
		    (long long)file->version, (long long)newest);
	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, file->version);
	stmt_bind_int(q, 3, r->now);
	stmt_bind_int(q, 4, file->expires);
	stmt_bind_text(q, 5, bytes.data, bytes.len);
	return stmt_run(q, err);
}

static int
load_signed(struct repo *r, const char *role, int64_t version,
    struct buf *bytes, struct err *err)
{
	static const char sql[] =
	    "SELECT signed FROM role WHERE name = ?1 AND version = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return err_set(err, ERR_MISSING,
		    "tuf.db: no version %lld of %s", (long long)version, role);
	buf_str(bytes, stmt_str(q, 0));
	return 0;
}

static bool
key_listed(const struct tuf_file *delegator, const char *role,
    const struct sig_public *pub)
{
	const struct tuf_role *d = tuf_role_find(delegator, role);

	for (size_t i = 0; d && i < d->nkeyids; i++) {
		const struct tuf_key *k = tuf_key_find(delegator, d->keyids[i]);

		if (k && k->usable &&
		    memcmp(k->pub.b, pub->b, sizeof(pub->b)) == 0)
			return true;
	}
	return false;
}

/*
 * While a new root is not published, routers judge its roles by the one that
 * is: a signature by its keys is kept beside those that count.
 */
static int
load_published_root(
    struct repo *r, const char *role, struct tuf_file **root, struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce(max(version), 0) FROM role WHERE name = 'root'"
	    " AND published_at IS NOT NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	*root = NULL;
	if (strcmp(role_parent(role), "root") != 0)
		return 0;
	if (stmt_step(q, err) != 1)
		return -1;
	if (stmt_int(q, 0) == 0)
		return 0;
	return role_load(r->db, "root", stmt_int(q, 0), root, NULL, err);
}

static int
key_known(struct repo *r, const char *role, const struct tuf_file *delegator,
    const struct sig_public *pub, bool *yes, struct err *err)
{
	auto_tuf struct tuf_file *root = NULL;

	*yes = key_listed(delegator, role, pub);
	if (*yes)
		return 0;
	if (load_published_root(r, role, &root, err) == -1)
		return -1;
	*yes = root && key_listed(root, role, pub);
	return 0;
}

int
collect_add(struct repo *r, const char *role, int64_t version,
    const struct answer *a, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO signature"
	    "(name, version, key, sig, at) VALUES (?1, ?2, ?3, ?4, ?5)"
	    " ON CONFLICT DO NOTHING";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf bytes = BUF_INIT;
	auto_tuf struct tuf_file *delegator = NULL;
	char key[KEY_HEX], sig[SIG_HEX];
	bool known;

	if (load_signed(r, role, version, &bytes, err) == -1 ||
	    collect_delegator(r, role, &delegator, err) == -1 ||
	    key_known(r, role, delegator, &a->key, &known, err) == -1)
		return -1;
	if (!known)
		return err_set(err, ERR_TRUST,
		    "%s: signed by a key that it is not delegated to", role);
	if (!sig_verify(&a->key, bytes.data, bytes.len, &a->sig))
		return err_set(err, ERR_TRUST,
		    "%s: version %lld: the signature does not match the bytes",
		    role, (long long)version);
	hex_encode(key, a->key.b, sizeof(a->key.b));
	hex_encode(sig, a->sig.b, sizeof(a->sig.b));
	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	stmt_bind_str(q, 3, key);
	stmt_bind_str(q, 4, sig);
	stmt_bind_int(q, 5, r->now);
	return stmt_run(q, err);
}

/* Signatures of keys the role is delegated to now, which count, or as routers
 * still see it; others came before a delegation changed and are left out. */
static int
load_signatures(struct repo *r, const char *role, int64_t version,
    const struct tuf_file *delegator, struct meta_signature **list, size_t *n,
    size_t *counting, struct err *err)
{
	static const char sql[] = "SELECT key, sig FROM signature"
				  " WHERE name = ?1 AND version = ?2";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	size_t cap = 0;
	int rc;

	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	while ((rc = stmt_step(q, err)) == 1) {
		const char *key = stmt_str(q, 0), *sig = stmt_str(q, 1);
		struct meta_signature s;
		bool known;

		if (!hex_decode(s.key.b, sizeof(s.key.b), key, strlen(key)) ||
		    !hex_decode(s.sig.b, sizeof(s.sig.b), sig, strlen(sig)))
			continue;
		if (key_known(r, role, delegator, &s.key, &known, err) == -1)
			return -1;
		if (!known)
			continue;
		*counting += key_listed(delegator, role, &s.key);
		MEM_GROW(*list, *n, cap);
		(*list)[(*n)++] = s;
	}
	return rc;
}

static int
store_file(struct repo *r, const char *role, int64_t version,
    const struct buf *file, struct err *err)
{
	static const char sql[] =
	    "UPDATE role SET file = ?3, digest = ?4"
	    " WHERE name = ?1 AND version = ?2 AND file IS NULL";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	struct hash h;

	hash_bytes(&h, file->data, file->len);
	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, version);
	stmt_bind_text(q, 3, file->data, file->len);
	stmt_bind_hash(q, 4, &h);
	return stmt_run(q, err);
}

int
collect_finish(struct repo *r, const char *role, int64_t version,
    bool *complete, struct err *err)
{
	auto_tuf struct tuf_file *delegator = NULL;
	auto_tuf struct tuf_file *file = NULL;
	auto_free struct meta_signature *sigs = NULL;
	auto_buf struct buf bytes = BUF_INIT;
	auto_buf struct buf whole = BUF_INIT;
	const struct tuf_role *d;
	size_t n = 0, counting = 0;

	if (load_signed(r, role, version, &bytes, err) == -1 ||
	    collect_delegator(r, role, &delegator, err) == -1 ||
	    load_signatures(
		r, role, version, delegator, &sigs, &n, &counting, err) == -1)
		return -1;
	d = tuf_role_find(delegator, role);
	*complete = false;
	if (!d || counting < (size_t)d->threshold)
		return 0;
	if (meta_file(bytes.data, bytes.len, sigs, n, &whole, err) == -1 ||
	    !(file = tuf_read(
		  role_type(role), role, whole.data, whole.len, err)) ||
	    tuf_threshold(delegator, role, file, err) == -1 ||
	    store_file(r, role, version, &whole, err) == -1)
		return -1;
	*complete = true;
	return 0;
}

/*
 * Of a key that is being rotated the signer has two generations; those that
 * the role is delegated to count.
 */
static int
add_answers(struct repo *r, const char *role, int64_t version,
    const struct answers *all, struct err *err)
{
	auto_tuf struct tuf_file *delegator = NULL;
	size_t listed = 0;

	if (collect_delegator(r, role, &delegator, err) == -1)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		const struct sig_public *key = &all->v[i].key;
		bool known;

		if (key_known(r, role, delegator, key, &known, err) == -1)
			return -1;
		if (!known)
			continue;
		if (collect_add(r, role, version, &all->v[i], err) == -1)
			return -1;
		listed += key_listed(delegator, role, key);
	}
	if (!listed)
		return err_set(err, ERR_TRUST,
		    "%s: no key of keys/online is one that it is delegated to",
		    role);
	return 0;
}

int
collect_sign(struct repo *r, const char *role, int64_t version, bool *complete,
    struct err *err)
{
	auto_buf struct buf bytes = BUF_INIT;
	auto_buf struct buf draft = BUF_INIT;
	auto_tuf struct tuf_file *file = NULL;
	struct answers a;

	if (r->signer == -1)
		return err_set(
		    err, ERR_SYSTEM, "%s: no signer was started", role);
	if (load_signed(r, role, version, &bytes, err) == -1 ||
	    meta_file(bytes.data, bytes.len, NULL, 0, &draft, err) == -1 ||
	    !(file = tuf_read(
		  role_type(role), role, draft.data, draft.len, err)) ||
	    ask_signature(r->signer, role, file, &bytes, &a, err) == -1 ||
	    db_begin(r->db, err) == -1)
		return -1;
	if (add_answers(r, role, version, &a, err) == 0 &&
	    collect_finish(r, role, version, complete, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}

/* --- files from ceremonies --------------------------------------------- */

static int
check_offline(struct repo *r, const char *role, const struct tuf_file *file,
    struct err *err)
{
	auto_tuf struct tuf_file *old = NULL;

	if (strcmp(role, "root") != 0) {
		if (collect_delegator(r, role, &old, err) == -1)
			return -1;
		return tuf_threshold(old, role, file, err);
	}
	if (role_load_newest(r->db, "root", &old, err) == -1)
		return -1;
	if (old && tuf_threshold(old, "root", file, err) == -1)
		return err_prefix(err, "by the root before it");
	return tuf_threshold(file, "root", file, err);
}

static int
same_file(struct repo *r, const char *role, int64_t version,
    const struct buf *bytes, struct err *err)
{
	auto_tuf struct tuf_file *have = NULL;
	auto_buf struct buf text = BUF_INIT;

	if (role_load(r->db, role, version, &have, &text, err) == -1)
		return -1;
	if (!span_equal(span_buf(&text), span_buf(bytes)))
		return err_set(err, ERR_TRUST,
		    "%s: version %lld is already on record with other content",
		    role, (long long)version);
	return 0;
}

static int
insert_file(struct repo *r, const char *role, const struct tuf_file *file,
    const struct buf *bytes, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO role(name, version, made_at,"
	    " expires, signed) VALUES (?1, ?2, ?3, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	auto_buf struct buf part = BUF_INIT;

	if (canon_json(file->signed_json, &part, err) == -1)
		return -1;
	stmt_bind_str(q, 1, role);
	stmt_bind_int(q, 2, file->version);
	stmt_bind_int(q, 3, r->now);
	stmt_bind_int(q, 4, file->expires);
	stmt_bind_text(q, 5, part.data, part.len);
	if (stmt_run(q, err) == -1)
		return -1;
	return store_file(r, role, file->version, bytes, err);
}

/* Both statements or neither: a row without its file would be waited for. */
static int
insert_whole(struct repo *r, const char *role, const struct tuf_file *file,
    const struct buf *bytes, struct err *err)
{
	if (db_begin(r->db, err) == -1)
		return -1;
	if (insert_file(r, role, file, bytes, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}

/* The release key chooses among what stands; it makes nothing good. */
static int
accept_sets(struct repo *r, const struct tuf_file *file,
    const struct buf *bytes, struct err *err)
{
	if (sets_role_judge(r, file, err) == -1)
		return err_prefix(err, "sets-stable");
	if (db_begin(r->db, err) == -1)
		return -1;
	if (insert_file(r, "sets-stable", file, bytes, err) == 0 &&
	    sets_role_note(r, file, err) == 0)
		return db_commit(r->db, err);
	db_rollback(r->db);
	return -1;
}

int
collect_file(struct repo *r, const char *role, const void *p, size_t len,
    struct err *err)
{
	auto_tuf struct tuf_file *file = NULL;
	auto_buf struct buf bytes = BUF_INIT;
	int64_t newest;

	buf_add(&bytes, p, len);
	if (!(file = tuf_read(role_type(role), role, p, len, err)) ||
	    role_newest(r->db, role, false, &newest, err) == -1)
		return -1;
	if (file->version <= newest)
		return same_file(r, role, file->version, &bytes, err);
	/* Of others a ceremony may have been killed after it had made one; of
	 * roots every one is needed. */
	if (strcmp(role, "root") == 0 && file->version != newest + 1)
		return err_set(err, ERR_TRUST,
		    "%s: version %lld comes after %lld", role,
		    (long long)file->version, (long long)newest);
	if (check_offline(r, role, file, err) == -1)
		return -1;
	if (strcmp(role, "sets-stable") == 0)
		return accept_sets(r, file, &bytes, err);
	return insert_whole(r, role, file, &bytes, err);
}

static int
take_one(struct repo *r, const struct collect_item *item, struct err *err)
{
	auto_tuf struct tuf_file *file = NULL;
	int64_t newest;

	if (!(file = tuf_read(role_type(item->role), item->role,
		  item->bytes.data, item->bytes.len, err)) ||
	    role_newest(r->db, item->role, false, &newest, err) == -1)
		return -1;
	if (file->version < newest)
		return 0;
	if (file->version == newest)
		return same_file(
		    r, item->role, file->version, &item->bytes, err);
	if (strcmp(item->role, "root") == 0 && file->version != newest + 1)
		return err_set(err, ERR_TRUST, "root: version %lld after %lld",
		    (long long)file->version, (long long)newest);
	if (check_offline(r, item->role, file, err) == -1)
		return -1;
	return insert_file(r, item->role, file, &item->bytes, err);
}

static int
take_all(
    struct repo *r, const struct collect_item *items, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].role, "sets-stable") != 0 &&
		    take_one(r, &items[i], err) == -1)
			return -1;
	return 0;
}

int
collect_files(
    struct repo *r, const struct collect_item *items, size_t n, struct err *err)
{
	if (db_begin(r->db, err) == -1)
		return -1;
	if (take_all(r, items, n, err) == -1) {
		db_rollback(r->db);
		return -1;
	}
	if (db_commit(r->db, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].role, "sets-stable") == 0 &&
		    collect_file(r, items[i].role, items[i].bytes.data,
			items[i].bytes.len, err) == -1)
			return -1;
	return 0;
}

int
collect_stands(struct repo *r, const char *role, bool *yes, struct err *err)
{
	auto_tuf struct tuf_file *delegator = NULL, *file = NULL;
	struct err why = ERR_INIT;

	if (role_load_newest(r->db, role, &file, err) == -1 ||
	    collect_delegator(r, role, &delegator, err) == -1)
		return -1;
	*yes = file && tuf_threshold(delegator, role, file, &why) == 0;
	return 0;
}
