#include "builder/judge/proven.h"

#include <string.h>

#include "builder/plan/plan.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"

#define TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE "https://in-toto.io/attestation/test-result/v0.1"
#define BYTES_MAX ((int64_t)1 << 40)
#define ANSWER_MAX 86400000

void
proven_release(struct proven *p)
{
	json_decref(p->json);
	buf_release(&p->text);
	*p = (struct proven)PROVEN_INIT;
}

/* --- reading ---------------------------------------------------------------
 */

/* {"name","digest":{"sha256"}}: a resource of in-toto's, as kiln names them. */
static int
read_resource(const char *what, const json_t *from, const char **name,
    struct hash *h, struct err *err)
{
	static const char *const keys[] = { "name", "digest", NULL };
	static const char *const digests[] = { "sha256", NULL };
	json_t *digest;

	if (js_only(what, from, keys, err) == -1 ||
	    js_str(what, from, "name", name, err) == -1 ||
	    js_object(what, from, "digest", &digest, err) == -1 ||
	    js_only(what, digest, digests, err) == -1 ||
	    js_hash(what, digest, "sha256", h, err) == -1)
		return -1;
	return name_ok(*name) ? 0
			      : err_set(err, ERR_INPUT, "%s: bad name \"%s\"",
				    what, *name);
}

static int
read_subjects(
    const char *what, struct proven *p, const json_t *j, struct err *err)
{
	const char *name;
	json_t *all;
	size_t i, n;

	if (js_array(what, j, "subject", &all, err) == -1)
		return -1;
	n = json_array_size(all);
	if (n == 0 || n > PROVEN_SUBJECTS)
		return err_set(err, ERR_INPUT, "%s: subject: 1 to %d of them",
		    what, PROVEN_SUBJECTS);
	for (i = 0; i < n; i++)
		if (read_resource(what, json_array_get(all, i), &name,
			&p->subject[i], err) == -1)
			return err_prefix(err, "subject %zu", i + 1);
	p->nsubjects = n;
	return 0;
}

/* What asked, and the kernel below: the one resource that is neither vmlinuz
 * nor initrd is the script. */
static int
read_configuration(const char *what, struct proven *p, const json_t *from,
    bool *kernel, struct err *err)
{
	json_t *all;
	size_t i, n;

	*kernel = false;
	if (js_array(what, from, "configuration", &all, err) == -1)
		return -1;
	n = json_array_size(all);
	for (i = 0; i < n && i < 4; i++) {
		const char *name;
		struct hash h;

		if (read_resource(
			what, json_array_get(all, i), &name, &h, err) == -1)
			return err_prefix(err, "configuration %zu", i + 1);
		if (strcmp(name, "vmlinuz") == 0) {
			if (*kernel)
				break;
			*kernel = true;
			p->kernel = h;
		} else if (strcmp(name, "initrd") != 0) {
			if (p->script)
				break;
			p->script = name;
		}
	}
	if (i < n || !p->script)
		return err_set(err, ERR_INPUT,
		    "%s: configuration: one script, and vmlinuz and initrd at "
		    "most once",
		    what);
	return 0;
}

static int
read_tests(const char *what, const json_t *from, const char *key, size_t *n,
    struct err *err)
{
	json_t *all, *one;
	size_t i;

	if (js_array(what, from, key, &all, err) == -1)
		return -1;
	*n = json_array_size(all);
	if (*n > PROVEN_TESTS)
		return err_set(err, ERR_INPUT, "%s: %s: more than %d", what,
		    key, PROVEN_TESTS);
	json_array_foreach(all, i, one)
	{
		if (!json_is_string(one) || json_string_length(one) == 0)
			return err_set(err, ERR_INPUT,
			    "%s: %s: wants sentences", what, key);
	}
	return 0;
}

static int
read_parts(const char *what, const json_t *from, struct err *err)
{
	static const char *const keys[] = { "origin", "bytes", NULL };
	json_t *all, *one;
	size_t i;

	if (js_array(what, from, "parts", &all, err) == -1)
		return -1;
	if (json_array_size(all) > PROVEN_PARTS)
		return err_set(err, ERR_INPUT, "%s: parts: more than %d", what,
		    PROVEN_PARTS);
	json_array_foreach(all, i, one)
	{
		const char *origin;
		int64_t bytes;

		if (js_only(what, one, keys, err) == -1 ||
		    js_str(what, one, "origin", &origin, err) == -1 ||
		    js_int(what, one, "bytes", 0, BYTES_MAX, &bytes, err) == -1)
			return err_prefix(err, "parts");
	}
	return 0;
}

/* kiln's own extension of the predicate. */
static int
read_measured(const char *what, struct proven *p, const json_t *from,
    bool kernel, struct err *err)
{
	static const char *const keys[] = { "accel", "answer_ms", "arch", "at",
		"least", "memory", "parts", NULL };
	static const char *const none[] = { "arch", "at", "parts", NULL };
	bool machine = json_object_get(from, "accel") != NULL;
	const char *at;

	if (js_only(what, from, machine ? keys : none, err) == -1 ||
	    js_str(what, from, "arch", &p->arch, err) == -1 ||
	    js_str(what, from, "at", &at, err) == -1 ||
	    time_parse(at, &p->at, err) == -1 ||
	    read_parts(what, from, err) == -1)
		return err_prefix(err, "kiln_measured");
	if (!machine)
		return kernel ? err_set(err, ERR_INPUT,
				    "%s: vmlinuz of no machine", what)
			      : 0;
	if (!kernel)
		return err_set(
		    err, ERR_INPUT, "%s: a machine without vmlinuz", what);
	if (js_str(what, from, "accel", &p->accel, err) == -1 ||
	    js_int(what, from, "answer_ms", 1, ANSWER_MAX, &p->answer_ms,
		err) == -1 ||
	    js_int(what, from, "memory", 1, BYTES_MAX, &p->memory, err) == -1 ||
	    js_int(what, from, "least", 1, p->memory, &p->least, err) == -1)
		return err_prefix(err, "kiln_measured");
	if (strcmp(p->accel, "tcg") != 0 && strcmp(p->accel, "kvm") != 0)
		return err_set(err, ERR_INPUT, "%s: accel: tcg or kvm", what);
	return 0;
}

static int
read_predicate(
    const char *what, struct proven *p, const json_t *from, struct err *err)
{
	static const char *const keys[] = { "configuration", "failedTests",
		"kiln_measured", "passedTests", "result", NULL };
	json_t *measured;
	const char *result;
	bool kernel;

	if (js_only(what, from, keys, err) == -1 ||
	    read_configuration(what, p, from, &kernel, err) == -1 ||
	    read_tests(what, from, "passedTests", &p->passed, err) == -1 ||
	    read_tests(what, from, "failedTests", &p->failed, err) == -1 ||
	    js_str(what, from, "result", &result, err) == -1 ||
	    js_object(what, from, "kiln_measured", &measured, err) == -1)
		return -1;
	if (p->passed + p->failed == 0)
		return err_set(err, ERR_INPUT, "%s: it tested nothing", what);
	if (strcmp(result, p->failed ? "FAILED" : "PASSED") != 0)
		return err_set(err, ERR_INPUT,
		    "%s: result: \"%s\" with %zu tests that failed", what,
		    result, p->failed);
	return read_measured(what, p, measured, kernel, err);
}

int
proven_read(const char *what, const void *text, size_t n, struct proven *p,
    struct err *err)
{
	static const char *const keys[] = { "_type", "subject", "predicateType",
		"predicate", NULL };
	json_t *predicate;
	const char *type, *kind;

	*p = (struct proven)PROVEN_INIT;
	if (n > PROVEN_MAX)
		return err_set(err, ERR_INPUT, "%s: more than %zu bytes", what,
		    PROVEN_MAX);
	if (!(p->json = js_parse(what, text, n, err)) ||
	    js_only(what, p->json, keys, err) == -1 ||
	    js_str(what, p->json, "_type", &type, err) == -1 ||
	    js_str(what, p->json, "predicateType", &kind, err) == -1 ||
	    js_object(what, p->json, "predicate", &predicate, err) == -1 ||
	    canon_json(p->json, &p->text, err) == -1)
		return -1;
	if (strcmp(type, TYPE) != 0 || strcmp(kind, PREDICATE) != 0)
		return err_set(err, ERR_INPUT,
		    "%s: no in-toto statement of the type " PREDICATE, what);
	if (p->text.len != n || memcmp(p->text.data, text, n) != 0)
		return err_set(err, ERR_INPUT, "%s: not canonical", what);
	hash_bytes(&p->digest, text, n);
	if (read_subjects(what, p, p->json, err) == -1 ||
	    read_predicate(what, p, predicate, err) == -1)
		return -1;
	return 0;
}

/* --- recording -------------------------------------------------------------
 */

/* `missing`: the first subject that this run did not leave; NULL: it left all.
 */
static int
left_all(struct db *db, int64_t run, const struct proven *p,
    const struct hash **missing, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM output WHERE run = ?1 AND digest = ?2";

	*missing = NULL;
	for (size_t i = 1; i < p->nsubjects && !*missing; i++) {
		auto_stmt struct stmt *q = db_stmt(db, sql);
		int got;

		stmt_bind_int(q, 1, run);
		stmt_bind_hash(q, 2, &p->subject[i]);
		if ((got = stmt_step(q, err)) == -1)
			return -1;
		if (got == 0)
			*missing = &p->subject[i];
	}
	return 0;
}

/* The newest run that left all of the subjects, and its plan.  Several may have
 * left some: a header is the same for each architecture. */
static int
check_subjects(struct db *db, struct store *store, const char *what,
    const struct proven *p, struct err *err)
{
	static const char runs[] =
	    "SELECT o.run, r.plan FROM output o JOIN run r ON r.id = o.run"
	    " WHERE o.digest = ?1 ORDER BY o.run DESC";
	auto_stmt struct stmt *q = db_stmt(db, runs);
	auto_plan struct plan *plan = NULL;
	const struct hash *missing = NULL;
	struct hash h;
	char hex[HASH_HEX], other[HASH_HEX] = "";
	int got;

	hash_hex(&p->subject[0], hex);
	stmt_bind_hash(q, 1, &p->subject[0]);
	while ((got = stmt_step(q, err)) == 1) {
		if (left_all(db, stmt_int(q, 0), p, &missing, err) == -1)
			return -1;
		if (!missing)
			break;
		if (!other[0])
			hash_hex(missing, other);
	}
	if (got == -1)
		return -1;
	if (got == 0 && other[0])
		return err_set(err, ERR_INPUT,
		    "%s: the build that gave %.12s did not give %.12s", what,
		    hex, other);
	if (got == 0 || !stmt_hash(q, 1, &h))
		return err_set(err, ERR_INPUT,
		    "%s: no build of this farm gave %.12s", what, hex);
	plan = plan_load(store, &h, err);
	if (!plan)
		return -1;
	if (strcmp(plan->arch, p->arch) != 0)
		return err_set(err, ERR_INPUT,
		    "%s: it says %s, and %.12s was built for %s", what, p->arch,
		    hex, plan->arch);
	return 0;
}

static int
check_kernel(
    struct db *db, const char *what, const struct proven *p, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM output o JOIN run r ON r.id = o.run JOIN plan p ON"
	    " p.digest = r.plan JOIN recipe k ON k.name = p.recipe WHERE"
	    " o.digest = ?1 AND o.name = 'vmlinuz' AND k.kind = 'kernel'"
	    " LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	char hex[HASH_HEX];
	int got;

	if (!p->accel)
		return 0;
	stmt_bind_hash(q, 1, &p->kernel);
	if ((got = stmt_step(q, err)) == -1)
		return -1;
	hash_hex(&p->kernel, hex);
	return got ? 0
		   : err_set(err, ERR_INPUT,
			 "%s: vmlinuz %.12s is no kernel of this farm", what,
			 hex);
}

int
proven_check(struct db *db, struct store *store, const char *what,
    const struct proven *p, struct err *err)
{
	if (check_subjects(db, store, what, p, err) == -1 ||
	    check_kernel(db, what, p, err) == -1)
		return -1;
	return 0;
}

/* 0: it is there already. */
static int
add_row(struct db *db, const struct proven *p, struct err *err)
{
	static const char sql[] =
	    "INSERT OR IGNORE INTO proof (digest, at, arch, script, passed,"
	    " failed, kernel, accel, memory, answer_ms, least)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
	static const char subject[] =
	    "INSERT OR IGNORE INTO proof_subject (digest, proof)"
	    " VALUES (?1, ?2)";
	auto_stmt struct stmt *q = db_stmt(db, sql);
	int64_t id;

	stmt_bind_hash(q, 1, &p->digest);
	stmt_bind_int(q, 2, p->at);
	stmt_bind_str(q, 3, p->arch);
	stmt_bind_str(q, 4, p->script);
	stmt_bind_int(q, 5, (int64_t)p->passed);
	stmt_bind_int(q, 6, (int64_t)p->failed);
	if (p->accel) {
		stmt_bind_hash(q, 7, &p->kernel);
		stmt_bind_str(q, 8, p->accel);
		stmt_bind_int(q, 9, p->memory);
		stmt_bind_int(q, 10, p->answer_ms);
		stmt_bind_int(q, 11, p->least);
	}
	if (stmt_run(q, err) == -1)
		return -1;
	if (db_changes(db) == 0)
		return 0;
	id = db_last_id(db);
	for (size_t i = 0; i < p->nsubjects; i++) {
		auto_stmt struct stmt *s = db_stmt(db, subject);

		stmt_bind_hash(s, 1, &p->subject[i]);
		stmt_bind_int(s, 2, id);
		if (stmt_run(s, err) == -1)
			return -1;
	}
	return 1;
}

int
proven_record(struct db *db, struct store *store, const struct proven *v,
    size_t n, size_t *fresh, struct err *err)
{
	struct hash digest;
	size_t added = 0;
	int got = 0;

	for (size_t i = 0; i < n; i++)
		if (store_put_bytes(store, v[i].text.data, v[i].text.len,
			&digest, err) == -1)
			return -1;
	if (db_begin(db, err) == -1)
		return -1;
	for (size_t i = 0; i < n && got != -1; i++) {
		got = add_row(db, &v[i], err);
		added += got == 1;
	}
	if (got == -1 || db_commit(db, err) == -1) {
		db_rollback(db);
		return -1;
	}
	*fresh = added;
	return 0;
}
