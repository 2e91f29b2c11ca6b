/*
 * Hand-made farms in the scratch folder: an old artifact for each reason to
 * keep one, beside one that has lost it; and what gc and verify make of them.
 */
#ifndef KILN_TEST_KEEPFARM_H
#define KILN_TEST_KEEPFARM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/keep/gc.h"
#include "builder/schema.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/num.h"
#include "tests/support/debmake.h"
#include "tests/support/scratch.h"
#include "tuf-repo/schema.h"
#include "web/schema.h"

#define HOUR 3600

static struct store *st;
static struct needs needs;
static struct env_place place;
static struct gc gc;
static struct err err;
static json_t *names; /* {name: HEX}: artifacts of this test */

static struct db *KILN_UNUSED
open_db(const char *name, const char *const *migrations, size_t n)
{
	auto_free char *path = mem_printf("%s/%s", scratch.path, name);
	struct db *db = db_open(path, migrations, n, &err);

	if (!db)
		fail_msg("%s", err.msg);
	return db;
}

static int KILN_UNUSED
keepfarm_setup(void **state)
{
	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755) ||
	    mkdirat(scratch.fd, "env", 0755))
		return -1;
	st = store_open(openat(scratch.fd, "s", O_RDONLY | O_CLOEXEC), &err);
	place = (struct env_place){ .dirfd = openat(scratch.fd, "env",
					O_RDONLY | O_CLOEXEC),
		.path = scratch.path,
		.store = st };
	needs = (struct needs){
		.farm =
		    open_db("farm.db", farm_migrations, farm_migrations_count),
		.tuf = open_db("tuf.db", tuf_migrations, tuf_migrations_count),
		.web = open_db("web.db", web_migrations, web_migrations_count),
		.store = st,
		.rules = { .plans = 2,
		    .sets = 2,
		    .logs = 24 * HOUR,
		    .age = HOUR },
	};
	names = json_object();
	err_clear(&err);
	return 0;
}

static int KILN_UNUSED
keepfarm_teardown(void **state)
{
	gc_release(&gc);
	gc = (struct gc){ 0 };
	needs_release(&needs);
	db_close(needs.farm);
	db_close(needs.tuf);
	db_close(needs.web);
	json_decref(names);
	store_free(st);
	close(place.dirfd);
	return scratch_teardown(state);
}

/* --- a farm's parts ------------------------------------------------------ */

/* "deb/HEX", or as an artifact's path. */
static void KILN_UNUSED
make_old(const struct hash *h)
{
	static const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	char path[STORE_PATH];
	auto_free char *file = NULL;

	store_path(h, path);
	file = mem_printf("s/%s", path);
	assert_int_equal(utimensat(scratch.fd, file, times, 0), 0);
}

static const char *KILN_UNUSED
named(const char *name, const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	make_old(h);
	js_set_str(names, name, hex);
	return json_string_value(json_object_get(names, name));
}

/* An old artifact whose bytes are its name. */
static const char *KILN_UNUSED
put(const char *name)
{
	struct hash h;

	assert_int_equal(store_put_bytes(st, name, strlen(name), &h, &err), 0);
	return named(name, &h);
}

static const char *KILN_UNUSED
put_json(const char *name, json_t *j)
{
	auto_buf struct buf b = BUF_INIT;
	struct hash h;

	assert_int_equal(canon_json(j, &b, &err), 0);
	json_decref(j);
	assert_int_equal(store_put_bytes(st, b.data, b.len, &h, &err), 0);
	return named(name, &h);
}

static const char *KILN_UNUSED
hex_of(const char *name)
{
	const char *hex = json_string_value(json_object_get(names, name));

	if (!hex)
		fail_msg("no %s", name);
	return hex;
}

static void sql(struct db *, const char *fmt, ...) KILN_PRINTF(2, 3);
static void KILN_UNUSED
sql(struct db *db, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (db_exec(db, text.data, &err) == -1)
		fail_msg("%s: %s", text.data, err.msg);
}

/* NAME-lock with a package NAME-deb and a proof. */
static const char *KILN_UNUSED
put_lock(const char *name)
{
	auto_free char *lock = mem_printf("%s-lock", name);
	auto_free char *deb = mem_printf("%s-deb", name);
	auto_free char *rel = mem_printf("%s-inrelease", name);
	auto_free char *index = mem_printf("%s-packages", name);
	json_t *j = js_record_new("kiln/lock", 1);

	js_set_str(j, "recipe", name);
	js_set_str(j, "arch", "amd64");
	js_set(j, "suites",
	    json_pack("[{s:s,s:s,s:[{s:s,s:s}]}]", "name", "bookworm",
		"inrelease", put(rel), "indexes", "path",
		"main/binary-amd64/Packages.xz", "sha256", put(index)));
	js_set(j, "build",
	    json_pack("[{s:s,s:s,s:s,s:s,s:i,s:s,s:s}]", "name", name,
		"version", "1", "arch", "amd64", "sha256", put(deb), "size",
		(int)strlen(deb), "path", "pool/main/x.deb", "suite",
		"bookworm"));
	js_set(j, "image", json_array());
	js_set(j, "sources", json_array());
	js_set(j, "git", json_array());
	js_set(j, "consulted", json_array());
	put_json(lock, j);
	sql(needs.farm,
	    "INSERT INTO lock (digest, recipe, made_at, origin, request)"
	    " VALUES ('%s', '%s', 1, 'archive', '%064d')",
	    hex_of(lock), name, 0);
	return hex_of(lock);
}

/*
 * NAME-plan with a script NAME-script, one run in each lane that gave
 * NAME-out, logs NAME-log-A …, records; `uses`: an output's name, or NULL.
 */
static const char *KILN_UNUSED
put_plan(const char *recipe, const char *name, const char *lock, int made_at,
    const char *uses)
{
	auto_free char *plan = mem_printf("%s-plan", name);
	auto_free char *script = mem_printf("%s-script", name);
	auto_free char *out = mem_printf("%s-out", name);
	auto_free char *verdict = mem_printf("%s-verdict", name);
	json_t *j = js_record_new("kiln/plan", 2), *list = json_array();

	js_set_str(j, "policy", put("policy"));
	js_set_str(j, "stage", "build");
	js_set_str(j, "arch", "amd64");
	js_set_str(j, "clock", "2020-01-01T00:00:00Z");
	js_set_str(j, "script", "build.sh");
	js_set(j, "tree",
	    json_pack("[{s:s,s:b,s:s}]", "path", "build.sh", "x", 0, "sha256",
		put(script)));
	js_set(j, "packages", json_array());
	js_set(j, "sources", json_array());
	if (uses)
		json_array_append_new(
		    list, json_pack("{s:s,s:s,s:s}", "recipe", "other",
			      "output", "out", "sha256", hex_of(uses)));
	js_set(j, "uses", list);
	js_set(j, "outputs", json_pack("[s]", "out"));
	put_json(plan, j);
	put(verdict);
	sql(needs.farm,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at, verdict,"
	    " verdict_record, judged_at) VALUES ('%s', '%s', 'build', '%s',"
	    " %d, 'reproduced', '%s', 1)",
	    hex_of(plan), recipe, lock, made_at, hex_of(verdict));
	put(out);
	for (int i = 0; i < 2; i++) {
		auto_free char *log = mem_printf("%s-log-%c", name, 'A' + i);
		auto_free char *rec = mem_printf("%s-run-%c", name, 'A' + i);

		sql(needs.farm,
		    "INSERT INTO run (plan, lane, state, queued_at,"
		    " started_at, finished_at, log, record) VALUES ('%s',"
		    " '%c', 'succeeded', 1, 1, %d, '%s', '%s');"
		    "INSERT INTO output (run, name, digest, size) VALUES"
		    " (last_insert_rowid(), 'out', '%s', 1)",
		    hex_of(plan), 'A' + i, made_at, put(log), put(rec),
		    hex_of(out));
	}
	return hex_of(plan);
}

static void KILN_UNUSED
stands(const char *recipe, const char *plan)
{
	sql(needs.farm,
	    "INSERT INTO current (recipe, stage, plan) VALUES"
	    " ('%s', 'build', '%s')",
	    recipe, hex_of(plan));
}

/* --- what is asked ------------------------------------------------------- */

static void KILN_UNUSED
collect(void)
{
	needs_release(&needs);
	if (needs_collect(&needs, &err) == -1)
		fail_msg("%s", err.msg);
}

static int KILN_UNUSED
try_gc(bool dry)
{
	gc_release(&gc);
	gc = (struct gc){ .dry = dry };
	collect();
	return gc_run(&gc, &needs, &place, &err);
}

static void KILN_UNUSED
run_gc(void)
{
	if (try_gc(false) == -1)
		fail_msg("%s", err.msg);
}

static bool KILN_UNUSED
there(const char *name)
{
	struct hash h;

	assert_true(hash_parse(&h, hex_of(name)));
	return store_has(st, &h);
}

static void KILN_UNUSED
kept(const char *name, const char *why)
{
	struct hash h;
	const char *is;

	assert_true(hash_parse(&h, hex_of(name)));
	is = needs_why(&needs, &h);
	if (!there(name))
		fail_msg("%s is gone", name);
	if (!is || !strstr(is, why))
		fail_msg("%s is kept for \"%s\", not \"%s\"", name,
		    is ? is : "nothing", why);
}

static void KILN_UNUSED
gone(const char *name)
{
	if (there(name))
		fail_msg("%s is there", name);
}

static int64_t KILN_UNUSED
count(const char *query)
{
	auto_stmt struct stmt *q = db_stmt(needs.farm, query);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

/* --- env/ ---------------------------------------------------------------- */

static void KILN_UNUSED
make_env(const char *name, struct env *e)
{
	auto_free char *path = mem_printf("./usr/bin/%s", name);
	struct deb_member m[] = { { path, S_IFREG | 0755, name, false },
		{ 0 } };
	struct env_package p = { .name = name };
	auto_free char *deb = mem_printf("%s-deb", name);
	auto_free char *list = NULL;
	static const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	char hex[HASH_HEX];

	assert_int_equal(debmake(st, m, &p.sha256), 0);
	named(deb, &p.sha256);
	if (env_make(&place, &p, 1, e, &err) == -1)
		fail_msg("%s", err.msg);
	list = mem_printf("%s.list", strrchr(e->root, '/') + 1);
	assert_int_equal(utimensat(place.dirfd, list, times, 0), 0);
	hash_hex(&p.sha256, hex);
	auto_free char *tree = mem_printf("deb/%s", hex);
	assert_int_equal(utimensat(place.dirfd, tree, times, 0), 0);
}

static bool KILN_UNUSED
has_env(const struct env *e)
{
	return file_exists_at(place.dirfd, strrchr(e->root, '/') + 1);
}

#endif
