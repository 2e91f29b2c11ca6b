#include "web/fleet.h"

#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "web/account.h"

static const char *const standings[] = { "waiting", "accepted", "held",
	"retired" };

bool
fleet_standing_ok(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(standings); i++)
		if (strcmp(standings[i], s) == 0)
			return true;
	return false;
}

static bool
line_ok(const char *s, size_t max)
{
	size_t n = 0;

	for (; s[n]; n++)
		if ((unsigned char)s[n] < ' ' || s[n] == 127)
			return false;
	return n <= max;
}

/* Commits, or takes all of it back. */
static int
end(struct db *db, int rc, struct err *err)
{
	if (rc == 0)
		rc = db_commit(db, err);
	if (rc == -1)
		db_rollback(db);
	return rc;
}

/* --- tokens ----------------------------------------------------------------*/

static int
add_token(struct db *db, const char *digest, const char *by, const char *group,
    int64_t lifetime_s, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO enrolment (digest, made_at, made_by, ends_at,"
	    " fleet_group) VALUES (?1, ?2, ?3, ?4, ?5)";
	static const char prune[] =
	    "DELETE FROM enrolment WHERE router IS NULL AND ends_at <= ?1";
	static const char many[] =
	    "SELECT count(*) FROM enrolment WHERE router IS NULL";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_stmt struct stmt *p = db_stmt(db, prune);
	auto_stmt struct stmt *m = db_stmt(db, many);
	int64_t now = time_now();

	stmt_bind_int(p, 1, now);
	if (stmt_run(p, err) == -1 || stmt_step(m, err) != 1)
		return -1;
	if (stmt_int(m, 0) >= FLEET_TOKENS)
		return err_set(err, ERR_BUSY,
		    "%d tokens wait for their devices already", FLEET_TOKENS);
	stmt_bind_str(q, 1, digest);
	stmt_bind_int(q, 2, now);
	stmt_bind_str(q, 3, by);
	stmt_bind_int(q, 4, now + lifetime_s);
	stmt_bind_str(q, 5, group);
	return stmt_run(q, err);
}

int
fleet_token(struct db *db, const char *by, const char *group,
    int64_t lifetime_s, char secret[SECRET_TEXT], struct err *err)
{
	char digest[HASH_HEX];
	int rc;

	if (group[0] && (!name_ok(group) || strlen(group) > FLEET_GROUP_MAX))
		return err_set(err, ERR_INPUT,
		    "a group has at most %d of A-Z a-z 0-9 . _ + ~ -",
		    FLEET_GROUP_MAX);
	if (lifetime_s < 1 || lifetime_s > FLEET_TOKEN_MOST_S)
		return err_set(
		    err, ERR_INPUT, "a token lives for 30 days at most");
	secret_new(secret);
	secret_digest(secret, digest);
	if (db_begin(db, err) == -1)
		return -1;
	rc = add_token(db, digest, by, group, lifetime_s, err);
	if (rc == 0)
		rc = audit_add(db, by, "fleet-token", group, err);
	return end(db, rc, err);
}

/* --- standings -------------------------------------------------------------*/

static int
write_standing(struct db *db, const char *router, const char *standing,
    const char *group, const char *by, const char *why, struct err *err)
{
	static const char sql[] =
	    "UPDATE router SET standing = ?2, fleet_group = coalesce(?3,"
	    " fleet_group), standing_at = ?4, standing_by = ?5,"
	    " standing_why = ?6 WHERE id = ?1";
	auto_free char *text =
	    mem_printf("%.12s %s: %s", router, standing, why);
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_str(q, 1, router);
	stmt_bind_str(q, 2, standing);
	stmt_bind_str(q, 3, group);
	stmt_bind_int(q, 4, time_now());
	stmt_bind_str(q, 5, by);
	stmt_bind_str(q, 6, why);
	if (stmt_run(q, err) == -1)
		return -1;
	if (db_changes(db) != 1)
		return err_set(
		    err, ERR_MISSING, "no such device has been heard of");
	return audit_add(db, by, "device", text, err);
}

int
fleet_set(struct db *db, const char *router, const char *standing,
    const char *by, const char *why, struct err *err)
{
	if (!fleet_standing_ok(standing))
		return err_set(err, ERR_INPUT,
		    "standing: waiting, accepted, held or retired");
	if (!line_ok(why, FLEET_WHY_MAX))
		return err_set(err, ERR_INPUT,
		    "the reason has at most %d characters in one line",
		    FLEET_WHY_MAX);
	if (db_begin(db, err) == -1)
		return -1;
	return end(
	    db, write_standing(db, router, standing, NULL, by, why, err), err);
}

/* "" for a device that nobody has heard of; else a word of the table. */
static int
standing_of(struct db *db, const char *router, char out[16], struct err *err)
{
	static const char sql[] = "SELECT standing FROM router WHERE id = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, router);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	snprintf(out, 16, "%s", got ? stmt_str(q, 0) : "");
	return 0;
}

int
fleet_may_report(
    struct db *db, const char *router, bool enrolled_only, struct err *err)
{
	char standing[16];

	if (standing_of(db, router, standing, err) == -1)
		return -1;
	if (strcmp(standing, "retired") == 0)
		return err_set(err, ERR_TRUST, "this device was retired");
	if (enrolled_only && strcmp(standing, "accepted") != 0 &&
	    strcmp(standing, "held") != 0)
		return err_set(err, ERR_TRUST,
		    "this device is not enrolled here: kiln-agent enrol");
	return 0;
}

/* --- coming in -------------------------------------------------------------*/

struct ticket {
	char group[FLEET_GROUP_MAX + 1];
	char by[80]; /* "token of NAME" */
	bool used;   /* by this very device */
};

static int
read_token(struct db *db, const char *digest, const char *router,
    struct ticket *t, struct err *err)
{
	static const char sql[] =
	    "SELECT ends_at, fleet_group, made_by, router FROM enrolment"
	    " WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int got;

	stmt_bind_str(q, 1, digest);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	if (got == 0)
		return err_set(
		    err, ERR_TRUST, "this token is not known, or has ended");
	t->used = !stmt_null(q, 3) && strcmp(stmt_str(q, 3), router) == 0;
	if (!stmt_null(q, 3) && !t->used)
		return err_set(err, ERR_TRUST,
		    "this token has let in another device: it works once");
	if (!t->used && stmt_int(q, 0) <= time_now())
		return err_set(err, ERR_TRUST, "this token has ended");
	snprintf(t->group, sizeof(t->group), "%s", stmt_str(q, 1));
	snprintf(t->by, sizeof(t->by), "token of %s", stmt_str(q, 2));
	return 0;
}

static int
let_in(struct db *db, const char *digest, const char *router, const char *key,
    const struct ticket *t, struct err *err)
{
	static const char add[] =
	    "INSERT INTO router (id, key, first_at) VALUES (?1, ?2, ?3)"
	    " ON CONFLICT (id) DO NOTHING";
	static const char use[] =
	    "UPDATE enrolment SET router = ?2, used_at = ?3 WHERE digest = ?1"
	    " AND router IS NULL";
	auto_stmt struct stmt *a = db_stmt(db, add);
	auto_stmt struct stmt *u = db_stmt(db, use);

	stmt_bind_str(a, 1, router);
	stmt_bind_str(a, 2, key);
	stmt_bind_int(a, 3, time_now());
	stmt_bind_str(u, 1, digest);
	stmt_bind_str(u, 2, router);
	stmt_bind_int(u, 3, time_now());
	if (stmt_run(a, err) == -1 || stmt_run(u, err) == -1)
		return -1;
	return write_standing(
	    db, router, "accepted", t->group, t->by, "enrolled", err);
}

static int
enrol(struct db *db, const char *digest, const char *router, const char *key,
    struct err *err)
{
	char standing[16];
	struct ticket t;

	if (read_token(db, digest, router, &t, err) == -1 ||
	    standing_of(db, router, standing, err) == -1)
		return -1;
	if (strcmp(standing, "retired") == 0)
		return err_set(err, ERR_TRUST, "this device was retired");
	/* Whoever lost our answer asks again; what was decided since stays. */
	return t.used ? 0 : let_in(db, digest, router, key, &t, err);
}

int
fleet_enrol(struct db *db, const char *secret, const char *router,
    const char *key, struct err *err)
{
	char digest[HASH_HEX];

	secret_digest(secret, digest);
	if (db_begin(db, err) == -1)
		return -1;
	return end(db, enrol(db, digest, router, key, err), err);
}
