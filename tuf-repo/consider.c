#include "tuf-repo/consider.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tuf-repo/roles.h"
#include "tuf-repo/service.h"

/* A row of farm.db's release table. */
struct candidate {
	struct hash digest, plan;
	char *arch;
	bool reproduced;
};

struct candidates {
	struct candidate *list;
	size_t n, cap;
};

static void
candidates_release(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->list[i].arch);
	free(c->list);
}
#define auto_candidates __attribute__((cleanup(candidates_release)))

void
choice_release(struct choice *c)
{
	for (size_t i = 0; i < c->n; i++)
		release_clear(&c->list[i]);
	free(c->list);
	*c = (struct choice){ NULL, 0, 0 };
}

/* --- refusals ---------------------------------------------------------- */

static int
refuse(struct repo *r, const struct hash *digest, const char *service,
    const char *arch, const char *cause, const char *text, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO refusal"
	    "(release, service, arch, at, cause, text)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (release) DO UPDATE"
	    " SET at = excluded.at, cause = excluded.cause, text = "
	    "excluded.text"
	    " WHERE cause <> excluded.cause OR text <> excluded.text";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_hash(q, 1, digest);
	stmt_bind_str(q, 2, service);
	stmt_bind_str(q, 3, arch);
	stmt_bind_int(q, 4, r->now);
	stmt_bind_str(q, 5, cause);
	stmt_bind_str(q, 6, text);
	return stmt_run(q, err);
}

static int
unrefuse(struct repo *r, const struct hash *digest, struct err *err)
{
	static const char sql[] = "DELETE FROM refusal WHERE release = ?1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_hash(q, 1, digest);
	return stmt_run(q, err);
}

/* Version of its service role that listed it; 0: never. */
static int
listed_serial(
    struct repo *r, const struct hash *digest, int64_t *serial, struct err *err)
{
	static const char sql[] =
	    "SELECT serial FROM release WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_hash(q, 1, digest);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*serial = rc ? stmt_int(q, 0) : 0;
	return 0;
}

int
withdrawn_below(
    struct repo *r, const char *service, int64_t *min, struct err *err)
{
	static const char sql[] =
	    "SELECT min_serial FROM withdrawal WHERE service = ?1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);
	int rc;

	stmt_bind_str(q, 1, service);
	rc = stmt_step(q, err);
	if (rc == -1)
		return -1;
	*min = rc ? stmt_int(q, 0) : 1;
	return 0;
}

/* --- one release ------------------------------------------------------- */

/*
 * A withdrawn release never comes back: not itself, and not the same bytes
 * under another description, unless that was listed beside it before.
 */
static int
check_withdrawn(
    struct repo *r, const struct release *rel, int64_t min, struct err *err)
{
	static const char sql[] =
	    "SELECT serial FROM release_target t"
	    " JOIN release r ON r.digest = t.release WHERE r.service = ?1"
	    " AND r.serial < ?2 AND t.sha256 = ?3 LIMIT 1";
	size_t gone = 0;
	int64_t serial;

	if (listed_serial(r, &rel->digest, &serial, err) == -1)
		return -1;
	if (serial >= min)
		return 0;
	for (size_t i = 0; i < rel->ntargets; i++) {
		auto_stmt struct stmt *q = db_stmt(r->db, sql);
		int rc;

		stmt_bind_str(q, 1, rel->service);
		stmt_bind_int(q, 2, min);
		stmt_bind_hash(q, 3, &rel->targets[i].sha256);
		rc = stmt_step(q, err);
		if (rc == -1)
			return -1;
		gone += rc == 1;
	}
	if (gone == rel->ntargets)
		return err_set(err, ERR_TRUST,
		    "it is withdrawn: the service's min_serial is %lld",
		    (long long)min);
	return 0;
}

static int
load_release(struct repo *r, const char *service, const struct candidate *c,
    struct release *rel, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (store_read(r->store, &c->digest, RELEASE_MAX, &text, err) == -1)
		return err_prefix(err, "release record");
	if (release_parse(rel, text.data, text.len, err) == -1)
		return -1;
	if (strcmp(rel->service, service) != 0 ||
	    strcmp(rel->arch, c->arch) != 0 ||
	    !hash_equal(&rel->plan, &c->plan)) {
		release_clear(rel);
		return err_set(err, ERR_TRUST,
		    "the record names another service, architecture or plan"
		    " than farm.db");
	}
	return 0;
}

/* 0: it may stand and *rel is filled. */
static int
accept(struct repo *r, const char *service, const struct candidate *c,
    const struct tuf_file *listed, int64_t min, struct release *rel,
    const char **cause, struct err *err)
{
	*cause = "not-reproduced";
	if (!c->reproduced)
		return err_set(err, ERR_TRUST,
		    "farm.db does not say that its plan was reproduced");
	*cause = NULL; /* by the error's class */
	if (load_release(r, service, c, rel, err) == -1)
		return -1;
	*cause = "withdrawn";
	if (check_withdrawn(r, rel, min, err) == -1)
		goto no;
	*cause = NULL;
	/* What is listed was hashed when it was listed; hashing gigabytes again
	 * on each pass is `kiln-tuf check`'s work. */
	if (listed && service_lists(listed, rel))
		return 0;
	if (release_verify(rel, r->store, err) == 0)
		return 0;
no:
	release_clear(rel);
	return -1;
}

/* --- a service --------------------------------------------------------- */

static int
load_candidates(struct repo *r, const char *service, struct candidates *out,
    struct err *err)
{
	static const char sql[] =
	    "SELECT r.digest, r.plan, r.arch, p.verdict = 'reproduced'"
	    " AND r.withheld IS NULL"
	    " FROM release r LEFT JOIN plan p ON p.digest = r.plan"
	    " WHERE r.service = ?1 ORDER BY r.arch,"
	    " EXISTS (SELECT 1 FROM current c WHERE c.plan = r.plan) DESC,"
	    " r.made_at DESC, r.rowid DESC";
	auto_stmt struct stmt *q = db_stmt(r->farm, sql);
	int rc;

	stmt_bind_str(q, 1, service);
	while ((rc = stmt_step(q, err)) == 1) {
		struct candidate c;

		if (!stmt_hash(q, 0, &c.digest) || !stmt_hash(q, 1, &c.plan))
			return err_set(err, ERR_INPUT,
			    "farm.db: a release's digest is none");
		c.arch = mem_str(stmt_str(q, 2));
		c.reproduced = !stmt_null(q, 3) && stmt_int(q, 3);
		MEM_GROW(out->list, out->n, out->cap);
		out->list[out->n++] = c;
	}
	return rc;
}

static int
pass_over(struct repo *r, const char *service, const struct candidate *c,
    struct err *err)
{
	int64_t serial;

	if (listed_serial(r, &c->digest, &serial, err) == -1)
		return -1;
	if (serial) /* it had its time */
		return unrefuse(r, &c->digest, err);
	return refuse(r, &c->digest, service, c->arch, "superseded",
	    "a newer release of the service stands", err);
}

static int
try_candidate(struct repo *r, const char *service, const struct candidate *c,
    const struct tuf_file *listed, int64_t min, struct choice *out, bool *taken,
    struct err *err)
{
	struct release rel = RELEASE_INIT;
	struct err why = ERR_INIT;
	const char *cause;

	*taken = false;
	if (accept(r, service, c, listed, min, &rel, &cause, &why) == -1) {
		if (!cause)
			cause = err_cause(&why);
		return refuse(
		    r, &c->digest, service, c->arch, cause, why.msg, err);
	}
	MEM_GROW(out->list, out->n, out->cap);
	out->list[out->n++] = rel;
	*taken = true;
	return unrefuse(r, &c->digest, err);
}

int
consider_service(struct repo *r, const char *role,
    const struct tuf_file *listed, struct choice *out, struct err *err)
{
	auto_candidates struct candidates all = { NULL, 0, 0 };
	const char *service = role_service(role), *done = "";
	int64_t min;

	if (!r->farm)
		return 0;
	if (load_candidates(r, service, &all, err) == -1 ||
	    withdrawn_below(r, service, &min, err) == -1)
		return -1;
	for (size_t i = 0; i < all.n; i++) {
		const struct candidate *c = &all.list[i];
		bool taken;

		if (strcmp(c->arch, done) == 0) {
			if (pass_over(r, service, c, err) == -1)
				return -1;
			continue;
		}
		if (try_candidate(
			r, service, c, listed, min, out, &taken, err) == -1)
			return -1;
		if (taken)
			done = c->arch;
	}
	return 0;
}

int
consider_strangers(
    struct repo *r, const struct tuf_file *targets, struct err *err)
{
	static const char sql[] = "SELECT digest, service, arch FROM release";
	int rc;

	if (!r->farm)
		return 0;
	auto_stmt struct stmt *q = db_stmt(r->farm, sql);
	while ((rc = stmt_step(q, err)) == 1) {
		const char *service = stmt_str(q, 1);
		auto_free char *role = mem_printf("svc-%s", service);
		auto_free char *text = NULL;
		struct hash digest;

		if (tuf_role_find(targets, role) || !stmt_hash(q, 0, &digest))
			continue;
		text = mem_printf("service %s is not delegated; run"
				  " kiln-tuf delegate --service %s",
		    service, service);
		if (refuse(r, &digest, service, stmt_str(q, 2), "not-delegated",
			text, err) == -1)
			return -1;
	}
	return rc;
}

/* --- what stands ------------------------------------------------------- */

static int
record_targets(struct repo *r, const struct release *rel, struct err *err)
{
	static const char sql[] = "INSERT INTO release_target(release, sha256)"
				  " VALUES (?1, ?2) ON CONFLICT DO NOTHING";

	for (size_t i = 0; i < rel->ntargets; i++) {
		auto_stmt struct stmt *q = db_stmt(r->db, sql);

		stmt_bind_hash(q, 1, &rel->digest);
		stmt_bind_hash(q, 2, &rel->targets[i].sha256);
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}

static int
clear_current(struct repo *r, const struct release *rel, struct err *err)
{
	static const char sql[] = "UPDATE release SET current = 0"
				  " WHERE service = ?1 AND arch = ?2 AND "
				  "digest <> ?3 AND current = 1";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	stmt_bind_str(q, 1, rel->service);
	stmt_bind_str(q, 2, rel->arch);
	stmt_bind_hash(q, 3, &rel->digest);
	return stmt_run(q, err);
}

int
consider_record(
    struct repo *r, const struct release *rel, int64_t serial, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO release(digest, service, arch,"
	    " version, type, plan, serial, current, at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8)"
	    " ON CONFLICT (digest) DO UPDATE SET serial = excluded.serial,"
	    " current = 1 WHERE serial <> excluded.serial OR current = 0";
	auto_stmt struct stmt *q = db_stmt(r->db, sql);

	if (clear_current(r, rel, err) == -1)
		return -1;
	stmt_bind_hash(q, 1, &rel->digest);
	stmt_bind_str(q, 2, rel->service);
	stmt_bind_str(q, 3, rel->arch);
	stmt_bind_str(q, 4, rel->version);
	stmt_bind_str(q, 5, rel->type);
	stmt_bind_hash(q, 6, &rel->plan);
	stmt_bind_int(q, 7, serial);
	stmt_bind_int(q, 8, r->now);
	if (stmt_run(q, err) == -1)
		return -1;
	return record_targets(r, rel, err);
}
