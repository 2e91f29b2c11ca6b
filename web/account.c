#include "web/account.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/hash.h"
#include "lib/hex.h"
#include "lib/num.h"

static const char *const names[RANK_COUNT] = { NULL, "viewer", "operator",
	"admin" };

const char *
rank_name(enum rank r)
{
	return names[r];
}

enum rank
rank_of(const char *s)
{
	int r;

	for (r = RANK_VIEWER; r < RANK_COUNT; r++)
		if (s && strcmp(names[r], s) == 0)
			return (enum rank)r;
	return RANK_NOBODY;
}

int
audit_add(struct db *db, const char *who, const char *what, const char *text,
    struct err *err)
{
	static const char sql[] = "INSERT INTO audit (at, who, what, text)"
				  " VALUES (?1, ?2, ?3, ?4)";
	auto_stmt struct stmt *q = db_stmt(db, sql);

	stmt_bind_int(q, 1, time_now());
	stmt_bind_str(q, 2, who);
	stmt_bind_str(q, 3, what);
	stmt_bind_str(q, 4, text);
	return stmt_run(q, err);
}

/* --- accounts --------------------------------------------------------------*/

static int
hash_password(
    const char *password, char out[crypto_pwhash_STRBYTES], struct err *err)
{
	if (crypto_pwhash_str(out, password, strlen(password),
		crypto_pwhash_OPSLIMIT_INTERACTIVE,
		crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
		return err_set(err, ERR_SYSTEM, "no memory to hash a password");
	return 0;
}

int
account_set(struct db *db, const char *name, enum rank rank,
    const char *password, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO account (name, rank, hash, made_at) VALUES (?1, ?2,"
	    " ?3, ?4) ON CONFLICT (name) DO UPDATE SET rank = ?2, hash = ?3";
	static const char end[] =
	    "DELETE FROM session WHERE account = (SELECT id FROM account"
	    " WHERE name = ?1)";
	char hash[crypto_pwhash_STRBYTES];

	if (!name_ok(name) || strlen(name) >= ACCOUNT_NAME)
		return err_set(err, ERR_INPUT,
		    "%s: a name has at most %d of A-Z a-z 0-9 . _ + ~ -", name,
		    ACCOUNT_NAME - 1);
	if (rank == RANK_NOBODY)
		return err_set(
		    err, ERR_INPUT, "a role is viewer, operator or admin");
	if (strlen(password) < PASSWORD_LEAST)
		return err_set(err, ERR_INPUT,
		    "a password has %d characters or more", PASSWORD_LEAST);
	if (hash_password(password, hash, err) == -1)
		return -1;
	auto_stmt struct stmt *q = db_stmt(db, sql);
	auto_stmt struct stmt *e = db_stmt(db, end);

	stmt_bind_str(q, 1, name);
	stmt_bind_str(q, 2, rank_name(rank));
	stmt_bind_str(q, 3, hash);
	stmt_bind_int(q, 4, time_now());
	stmt_bind_str(e, 1, name);
	if (db_begin(db, err) == -1)
		return -1;
	if (stmt_run(q, err) == -1 || stmt_run(e, err) == -1 ||
	    audit_add(db, name, "account", rank_name(rank), err) == -1 ||
	    db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

/* --- signing in ------------------------------------------------------------*/

static int
too_many(struct db *db, const char *name, struct err *err)
{
	static const char sql[] =
	    "SELECT (SELECT count(*) FROM login_try WHERE name = ?1 AND at >"
	    " ?2), (SELECT count(*) FROM login_try WHERE at > ?3)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int64_t now = time_now();

	stmt_bind_str(q, 1, name);
	stmt_bind_int(q, 2, now - LOGIN_WINDOW_S);
	stmt_bind_int(q, 3, now - LOGIN_WINDOW_ALL_S);
	if (stmt_step(q, err) != 1)
		return -1;
	if (stmt_int(q, 0) >= LOGIN_TRIES || stmt_int(q, 1) >= LOGIN_TRIES_ALL)
		return err_set(
		    err, ERR_BUSY, "too many wrong passwords: wait a while");
	return 0;
}

static int
note_wrong(struct db *db, const char *name, struct err *err)
{
	static const char add[] =
	    "INSERT INTO login_try (name, at) VALUES (?1, ?2)";
	static const char prune[] = "DELETE FROM login_try WHERE at <= ?1";
	auto_stmt struct stmt *a = db_stmt(db, add);
	auto_stmt struct stmt *p = db_stmt(db, prune);

	stmt_bind_str(a, 1, name);
	stmt_bind_int(a, 2, time_now());
	stmt_bind_int(p, 1, time_now() - LOGIN_WINDOW_S);
	if (stmt_run(a, err) == -1 || stmt_run(p, err) == -1)
		return -1;
	return audit_add(db, name, "login-refused", "", err);
}

/* Who does not exist takes as long as who does. */
static bool
verify(const char *hash, const char *password)
{
	static char nobody[crypto_pwhash_STRBYTES];
	struct err ignored = ERR_INIT;
	char random[SECRET_TEXT];

	if (hash)
		return crypto_pwhash_str_verify(
			   hash, password, strlen(password)) == 0;
	if (nobody[0] == '\0') {
		secret_new(random);
		if (hash_password(random, nobody, &ignored) == -1)
			return false;
	}
	(void)!crypto_pwhash_str_verify(nobody, password, strlen(password));
	return false;
}

static int
open_session(struct db *db, int64_t account, const char *name,
    char secret[SECRET_TEXT], struct err *err)
{
	static const char add[] =
	    "INSERT INTO session (digest, account, csrf, ends_at)"
	    " VALUES (?1, ?2, ?3, ?4)";
	static const char prune[] = "DELETE FROM session WHERE ends_at <= ?1";
	static const char forget[] = "DELETE FROM login_try WHERE name = ?1";
	char digest[HASH_HEX], csrf[SECRET_TEXT];
	auto_stmt struct stmt *a = db_stmt(db, add);
	auto_stmt struct stmt *p = db_stmt(db, prune);
	auto_stmt struct stmt *f = db_stmt(db, forget);

	secret_new(secret);
	secret_new(csrf);
	secret_digest(secret, digest);
	stmt_bind_str(a, 1, digest);
	stmt_bind_int(a, 2, account);
	stmt_bind_str(a, 3, csrf);
	stmt_bind_int(a, 4, time_now() + SESSION_S);
	stmt_bind_int(p, 1, time_now());
	stmt_bind_str(f, 1, name);
	if (stmt_run(p, err) == -1 || stmt_run(a, err) == -1 ||
	    stmt_run(f, err) == -1)
		return -1;
	return audit_add(db, name, "login", "", err);
}

int
account_login(struct db *db, const char *name, const char *password,
    char secret[SECRET_TEXT], struct err *err)
{
	static const char sql[] =
	    "SELECT id, hash FROM account WHERE name = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int64_t id = 0;
	bool good;
	int got;

	if (!name_ok(name) || strlen(name) >= ACCOUNT_NAME)
		name = "-"; /* no account's name: wrong, and counted so */
	if (too_many(db, name, err) == -1)
		return -1;
	stmt_bind_str(q, 1, name);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	good = verify(got == 1 ? stmt_str(q, 1) : NULL, password);
	if (got == 1)
		id = stmt_int(q, 0);
	stmt_done(q);
	q = NULL;
	if (db_begin(db, err) == -1)
		return -1;
	if ((good ? open_session(db, id, name, secret, err)
		  : note_wrong(db, name, err)) == -1 ||
	    db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	return good;
}

int
account_logout(struct db *db, const char *secret, struct err *err)
{
	static const char sql[] = "DELETE FROM session WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char digest[HASH_HEX];

	secret_digest(secret, digest);
	stmt_bind_str(q, 1, digest);
	return stmt_run(q, err);
}

/* --- tokens ----------------------------------------------------------------*/

int
account_token(struct db *db, const char *name, enum rank scope,
    int64_t lifetime_s, char secret[SECRET_TEXT], struct err *err)
{
	static const char sql[] =
	    "INSERT INTO token (digest, account, scope, ends_at) SELECT ?1,"
	    " id, ?3, ?4 FROM account WHERE name = ?2";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char digest[HASH_HEX];

	if (scope == RANK_NOBODY)
		return err_set(
		    err, ERR_INPUT, "a scope is viewer, operator or admin");
	secret_new(secret);
	secret_digest(secret, digest);
	stmt_bind_str(q, 1, digest);
	stmt_bind_str(q, 2, name);
	stmt_bind_str(q, 3, rank_name(scope));
	stmt_bind_int(q, 4, time_now() + lifetime_s);
	if (db_begin(db, err) == -1)
		return -1;
	if (stmt_run(q, err) == -1)
		goto fail;
	if (db_changes(db) != 1) {
		err_set(err, ERR_MISSING, "%s: no such account", name);
		goto fail;
	}
	if (audit_add(db, name, "token", rank_name(scope), err) == 0 &&
	    db_commit(db, err) == 0)
		return 0;
fail:
	db_rollback(db);
	return -1;
}

static int
look_up(struct db *db, const char *sql, const char *secret, struct who *who,
    struct err *err)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char digest[HASH_HEX];
	enum rank scope;
	int got;

	if (strlen(secret) != SECRET_TEXT - 1)
		return 0;
	secret_digest(secret, digest);
	stmt_bind_str(q, 1, digest);
	stmt_bind_int(q, 2, time_now());
	if ((got = stmt_step(q, err)) != 1)
		return got;
	*who = (struct who){ .id = stmt_int(q, 0) };
	snprintf(who->name, sizeof(who->name), "%s", stmt_str(q, 1));
	who->rank = rank_of(stmt_str(q, 2));
	scope = rank_of(stmt_str(q, 3));
	who->by_token = scope != RANK_NOBODY;
	if (who->by_token && scope < who->rank)
		who->rank = scope;
	if (!who->by_token)
		snprintf(who->csrf, sizeof(who->csrf), "%s", stmt_str(q, 3));
	return 1;
}

int
account_of_session(
    struct db *db, const char *secret, struct who *who, struct err *err)
{
	static const char sql[] =
	    "SELECT a.id, a.name, a.rank, s.csrf FROM session s JOIN account a"
	    " ON a.id = s.account WHERE s.digest = ?1 AND s.ends_at > ?2";

	return look_up(db, sql, secret, who, err);
}

int
account_of_token(
    struct db *db, const char *secret, struct who *who, struct err *err)
{
	static const char sql[] =
	    "SELECT a.id, a.name, a.rank, t.scope FROM token t JOIN account a"
	    " ON a.id = t.account WHERE t.digest = ?1 AND t.ends_at > ?2";

	return look_up(db, sql, secret, who, err);
}
