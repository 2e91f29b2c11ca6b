/* rooms: builder builder/inputs builder/plan builder/bake builder/judge
 * builder/keep tuf-repo/schema.c web/schema.c */
/* wrap: unlinkat */
/*
 * Hand-made farms: an old artifact for each reason to keep one, beside one
 * that has lost it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/keep/gc.h"
#include "builder/keep/verify.h"
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

/* The disk fails at the n-th removal; -1: it does not. */
static int removals_left = -1;
int __real_unlinkat(int, const char *, int);
int __wrap_unlinkat(int, const char *, int);

int
__wrap_unlinkat(int fd, const char *name, int flags)
{
	if (removals_left == 0) {
		errno = EIO;
		return -1;
	}
	if (removals_left > 0)
		removals_left--;
	return __real_unlinkat(fd, name, flags);
}

static struct db *
open_db(const char *name, const char *const *migrations, size_t n)
{
	auto_free char *path = mem_printf("%s/%s", scratch.path, name);
	struct db *db = db_open(path, migrations, n, &err);

	if (!db)
		fail_msg("%s", err.msg);
	return db;
}

static int
setup(void **state)
{
	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755) ||
	    mkdirat(scratch.fd, "env", 0755))
		return -1;
	removals_left = -1;
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

static int
teardown(void **state)
{
	removals_left = -1;
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
static void
make_old(const struct hash *h)
{
	static const struct timespec times[2] = { { 1, 0 }, { 1, 0 } };
	char path[STORE_PATH];
	auto_free char *file = NULL;

	store_path(h, path);
	file = mem_printf("s/%s", path);
	assert_int_equal(utimensat(scratch.fd, file, times, 0), 0);
}

static const char *
named(const char *name, const struct hash *h)
{
	char hex[HASH_HEX];

	hash_hex(h, hex);
	make_old(h);
	js_set_str(names, name, hex);
	return json_string_value(json_object_get(names, name));
}

/* An old artifact whose bytes are its name. */
static const char *
put(const char *name)
{
	struct hash h;

	assert_int_equal(store_put_bytes(st, name, strlen(name), &h, &err), 0);
	return named(name, &h);
}

static const char *
put_json(const char *name, json_t *j)
{
	auto_buf struct buf b = BUF_INIT;
	struct hash h;

	assert_int_equal(canon_json(j, &b, &err), 0);
	json_decref(j);
	assert_int_equal(store_put_bytes(st, b.data, b.len, &h, &err), 0);
	return named(name, &h);
}

static const char *
hex_of(const char *name)
{
	const char *hex = json_string_value(json_object_get(names, name));

	if (!hex)
		fail_msg("no %s", name);
	return hex;
}

static void sql(struct db *, const char *fmt, ...) KILN_PRINTF(2, 3);
static void
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
static const char *
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
static const char *
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

static void
stands(const char *recipe, const char *plan)
{
	sql(needs.farm,
	    "INSERT INTO current (recipe, stage, plan) VALUES"
	    " ('%s', 'build', '%s')",
	    recipe, hex_of(plan));
}

/* --- what is asked ------------------------------------------------------- */

static void
collect(void)
{
	needs_release(&needs);
	if (needs_collect(&needs, &err) == -1)
		fail_msg("%s", err.msg);
}

static int
try_gc(bool dry)
{
	gc_release(&gc);
	gc = (struct gc){ .dry = dry };
	collect();
	return gc_run(&gc, &needs, &place, &err);
}

static void
run_gc(void)
{
	if (try_gc(false) == -1)
		fail_msg("%s", err.msg);
}

static bool
there(const char *name)
{
	struct hash h;

	assert_true(hash_parse(&h, hex_of(name)));
	return store_has(st, &h);
}

static void
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

static void
gone(const char *name)
{
	if (there(name))
		fail_msg("%s is there", name);
}

static int64_t
count(const char *query)
{
	auto_stmt struct stmt *q = db_stmt(needs.farm, query);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

/* --- tests --------------------------------------------------------------- */

static void
a_lock_in_use_keeps_all_it_names_and_one_of_the_past_nothing(void **state)
{
	(void)state;
	put_lock("now");
	put_lock("past");
	sql(needs.farm,
	    "INSERT INTO recipe (name, kind, summary, tree, lock, loaded_at)"
	    " VALUES ('now', 'source', 's', '%064d', '%s', 1)",
	    0, hex_of("now-lock"));
	run_gc();
	kept("now-lock", "lock of now");
	kept("now-deb", "lock of now: x.deb");
	kept("now-inrelease", "lock of now");
	kept("now-packages", "lock of now");
	gone("past-lock");
	gone("past-deb");
	gone("past-inrelease");
	gone("past-packages");
	assert_int_equal(count("SELECT count(*) FROM lock"), 1);
}

static void
an_imported_lock_stays_until_a_newer_one_is_imported(void **state)
{
	(void)state;
	put_lock("a");
	put_lock("b");
	sql(needs.farm, "UPDATE lock SET origin = 'import', recipe = 'x';"
			"UPDATE lock SET made_at = 2 WHERE digest = (SELECT"
			" max(digest) FROM lock)");
	run_gc();
	assert_int_equal(there("a-lock") + there("b-lock"), 1);
	assert_int_equal(there("a-deb") + there("b-deb"), 1);
}

static void
suites_and_kept_indexes_stay(void **state)
{
	auto_free char *text = NULL;
	struct hash h;

	(void)state;
	put("packages-of-suite");
	put("packages-of-kept");
	put("packages-of-nobody");
	text = mem_printf(
	    "SHA256:\n %s 17 main/Packages.xz\n", hex_of("packages-of-suite"));
	assert_int_equal(store_put_bytes(st, text, strlen(text), &h, &err), 0);
	named("inrelease", &h);
	sql(needs.farm,
	    "INSERT INTO suite (name, uri, inrelease, date, changed_at,"
	    " checked_at) VALUES ('bookworm', 'u', '%s', 1, 1, 1);"
	    "INSERT INTO consulted (digest, names) VALUES ('%064d', 'a');"
	    "INSERT INTO lock_kept (lock, indexes, consulted) VALUES ('%064d', "
	    "'bookworm %s %064d\n',"
	    " '%064d')",
	    hex_of("inrelease"), 0, 0, hex_of("packages-of-kept"), 0, 0);
	run_gc();
	kept("inrelease", "suite bookworm");
	kept("packages-of-suite", "suite bookworm");
	kept("packages-of-kept", "indexes");
	gone("packages-of-nobody");
}

static void
a_plan_that_stands_keeps_what_it_takes_to_run_it_again(void **state)
{
	const char *lock = put_lock("l"), *other = put_lock("used");

	(void)state;
	put_plan("used", "used", other, 1, NULL);
	put_plan("r", "p", lock, 1, "used-out");
	/* Newer ones of the same recipe do not stand. */
	put_plan("r", "n1", lock, 2, NULL);
	put_plan("r", "n2", lock, 3, NULL);
	put_plan("r", "n3", lock, 4, NULL);
	put_plan("used", "u2", other, 5, NULL);
	put_plan("used", "u3", other, 6, NULL);
	stands("r", "p-plan");
	run_gc();
	kept("p-script", "the plan that stands for r/build");
	kept("p-out", "the plan that stands for r/build");
	kept("p-log-A", "the plan that stands for r/build");
	kept("l-deb", "the plan that stands for r/build");
	/* What it uses, with its own plan and lock. */
	kept("used-out", "the plan that stands for r/build");
	kept("used-script", "the plan that stands for r/build");
	kept("used-deb", "the plan that stands for r/build");
	kept("n3-out", "one of the newest plans of r/build");
	kept("n2-out", "one of the newest plans of r/build");
	gone("n1-out");
	gone("n1-script");
}

static void
a_plan_whose_output_goes_is_to_be_run_again(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	run_gc();
	gone("old-out");
	gone("old-log-A");
	assert_int_equal(json_object_size(gc.forgotten), 1);
	assert_non_null(json_object_get(gc.forgotten, hex_of("old-plan")));
	assert_int_equal(
	    count("SELECT count(*) FROM plan WHERE verdict IS NULL"), 1);
	assert_int_equal(count("SELECT count(*) FROM run WHERE state = 'lost'"
			       " AND cause = 'collected'"),
	    2);
	/* Evidence stays. */
	kept("old-plan", "a plan of r");
	kept("old-run-A", "record of run");
	/* Keeping more from now on does not bring it back. */
	needs.rules.plans = 9;
	collect();
	assert_null(json_object_get(needs.plans, hex_of("old-plan")));
	assert_null(json_object_get(needs.must, hex_of("old-out")));
	assert_non_null(json_object_get(needs.plans, hex_of("b-plan")));
	/* What outputs were seen is known for ever. */
	assert_int_equal(count("SELECT count(*) FROM output"), 6);
}

static void
unfinished_runs_keep_their_plan(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	sql(needs.farm,
	    "INSERT INTO run (plan, lane, state, queued_at) VALUES ('%s', 'A',"
	    " 'queued', 1)",
	    hex_of("old-plan"));
	run_gc();
	kept("old-script", "unfinished run");
	kept("old-out", "unfinished run");
}

static void
logs_stay_for_their_time_and_records_for_ever(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "late", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	sql(needs.farm, "UPDATE run SET finished_at = %lld WHERE plan = '%s'",
	    (long long)time_now() - HOUR, hex_of("late-plan"));
	run_gc();
	kept("late-log-A", "log of run");
	gone("late-out");
	gone("old-log-A");
	kept("old-run-B", "record of run");
	kept("old-verdict", "verdict of a plan of r");
}

static void
put_set(int counter, const char *image)
{
	auto_free char *name = mem_printf("set-%d", counter);
	auto_json json_t *j = json_pack("{s:n,s:[{s:s,s:s}]}", "kernel",
	    "services", "service", "dns", "image", put(image));
	auto_free char *text = json_dumps(j, JSON_COMPACT);
	struct hash h;
	char hex[HASH_HEX];

	hash_bytes(&h, text, strlen(text));
	hash_hex(&h, hex);
	js_set_str(names, name, hex);
	sql(needs.tuf,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES ('%s', "
	    "'%s', 1);"
	    "INSERT INTO \"set\" (channel, arch, counter, digest, made_at,"
	    " published_at) VALUES ('edge', 'amd64', %d, '%s', 1, 1)",
	    hex, text, counter, hex);
}

static void
published_sets_and_their_predecessors_keep_their_images(void **state)
{
	(void)state;
	put_set(1, "image-1");
	put_set(2, "image-2");
	put_set(3, "image-3");
	run_gc();
	gone("image-1");
	kept("image-2", "set edge/amd64 2");
	kept("image-3", "set edge/amd64 3");
}

static void
put_report(char router, int sequence, const char *image, const char *set)
{
	auto_json json_t *j = json_object();
	auto_free char *text = NULL;

	if (image)
		js_set(j, "services",
		    json_pack(
			"[{s:s,s:s}]", "service", "dns", "image", put(image)));
	if (set)
		js_set(j, "set",
		    json_pack(
			"{s:i,s:s}", "counter", 1, "sha256", hex_of(set)));
	js_set_int(j, "sequence", sequence);
	text = json_dumps(j, JSON_COMPACT);
	sql(needs.web,
	    "INSERT OR IGNORE INTO router (id, key, first_at) VALUES "
	    "(printf('%%064d', %d),"
	    " printf('%%064d', 1), 1);"
	    "INSERT INTO report (router, sequence, received_at, state, body)"
	    " VALUES (printf('%%064d', %d), %d, 1, 'committed', '%s')",
	    router, router, sequence, text);
}

static void
what_a_router_runs_and_ran_before_stays(void **state)
{
	(void)state;
	put_report('1', 1, "eldest", NULL);
	put_report('1', 2, "before", NULL);
	put_report('1', 3, "now", NULL);
	put_report('1', 4, "now", NULL);
	put_report('2', 1, "elsewhere", NULL);
	/* This one says no more than which set. */
	put_set(1, "of-set");
	put_set(2, "of-set-2");
	put_set(3, "of-set-3");
	put_report('3', 1, NULL, "set-1");
	run_gc();
	kept("now", "runs it");
	kept("before", "ran it");
	gone("eldest");
	kept("elsewhere", "runs it");
	kept("of-set", "runs it");
}

static void
put_release(const char *name, const char *image, const char *plan)
{
	json_t *j = js_record_new("kiln/release", 1);

	js_set_str(j, "plan", hex_of(plan));
	js_set(j, "targets", json_pack("[{s:s}]", "sha256", put(image)));
	put_json(name, j);
	sql(needs.farm,
	    "INSERT INTO release (digest, service, arch, plan, made_at)"
	    " VALUES ('%s', 'dns', 'amd64', '%s', 1)",
	    hex_of(name), hex_of(plan));
}

static void
known_to_tuf(const char *release, int current)
{
	sql(needs.tuf,
	    "INSERT INTO release (digest, service, arch, version, type, plan,"
	    " serial, current, at) VALUES ('%s', 'dns', 'amd64', '1', 'vm',"
	    " '%s', 1, %d, 1)",
	    hex_of(release), hex_of(release), current);
}

static void
releases_stay_while_they_wait_and_while_they_are_listed(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	for (int i = 1; i <= 5; i++) {
		auto_free char *name = mem_printf("p%d", i);

		put_plan("r", name, lock, i, NULL);
	}
	put_release("was", "image-was", "p1-plan");
	put_release("is", "image-is", "p2-plan");
	put_release("waits", "image-waits", "p3-plan");
	known_to_tuf("was", 0);
	known_to_tuf("is", 1);
	run_gc();
	gone("image-was");
	gone("p1-script");
	kept("was", "release record of dns");
	kept("image-is", "listed by svc-dns");
	kept("p2-script", "listed by svc-dns");
	kept("image-waits", "release of dns that waits");
	kept("p3-out", "release of dns that waits");
}

static void
what_came_lately_stays_and_so_does_what_unknown_tables_name(void **state)
{
	struct hash h;

	(void)state;
	put("old");
	put("touched");
	put("later-feature");
	put("fresh");
	/* Put again: somebody is about to name it. */
	assert_int_equal(store_put_bytes(st, "touched", 7, &h, &err), 0);
	assert_true(hash_parse(&h, hex_of("fresh")));
	assert_int_equal(store_remove(st, &h, &err), 0);
	assert_int_equal(store_put_bytes(st, "fresh", 5, &h, &err), 0);
	sql(needs.farm,
	    "CREATE TABLE \"a new one\" (id INTEGER, x TEXT, y TEXT) STRICT;"
	    "INSERT INTO \"a new one\" VALUES (1, NULL, 'git:%s:');"
	    "CREATE TABLE numbers (id INTEGER) STRICT",
	    hex_of("later-feature"));
	run_gc();
	gone("old");
	assert_true(there("fresh"));
	assert_true(there("touched"));
	kept("later-feature", "named by a new one");
}

static void
a_dry_run_changes_nothing_and_says_the_same(void **state)
{
	const char *lock = put_lock("l");
	int64_t bytes;
	size_t n;

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	assert_int_equal(try_gc(true), 0);
	n = json_array_size(gc.removed);
	bytes = gc.removed_bytes;
	assert_true(n >= 4 && bytes > 0);
	assert_true(there("old-out"));
	assert_int_equal(
	    count("SELECT count(*) FROM plan WHERE verdict IS NULL"), 0);
	run_gc();
	assert_int_equal(json_array_size(gc.removed), n);
	assert_int_equal(gc.removed_bytes, bytes);
	gone("old-out");
	run_gc();
	assert_int_equal(json_array_size(gc.removed), 0);
}

static void
killed_anywhere_the_next_one_finishes(void **state)
{
	const char *lock = put_lock("l");

	(void)state;
	put_plan("r", "old", lock, 1, NULL);
	put_plan("r", "b", lock, 2, NULL);
	put_plan("r", "c", lock, 3, NULL);
	put("stray");
	/* None, one, and another one each time. */
	for (int i = 0; i < 4; i++) {
		removals_left = i > 0;
		assert_int_equal(try_gc(false), -1);
		/* The database has learnt it before the first file goes. */
		assert_int_equal(
		    count("SELECT count(*) FROM plan WHERE verdict IS NULL"),
		    1);
		err_clear(&err);
	}
	removals_left = -1;
	run_gc();
	gone("old-out");
	gone("stray");
	assert_true(there("c-out"));
}

static void
nothing_goes_while_a_record_that_is_needed_is_damaged(void **state)
{
	const char *lock = put_lock("l");
	auto_free char *file = NULL;
	char path[STORE_PATH];
	struct hash h;

	(void)state;
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	put("stray");
	assert_true(hash_parse(&h, hex_of("p-plan")));
	store_path(&h, path);
	file = mem_printf("s/%s", path);
	assert_int_equal(fchmodat(scratch.fd, file, 0644, 0), 0);
	auto_fd int fd = openat(scratch.fd, file, O_WRONLY);
	assert_int_equal(pwrite(fd, "X", 1, 3), 1);
	assert_int_equal(try_gc(false), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_non_null(strstr(err.msg, "the plan that stands for r/build"));
	assert_true(there("stray"));
}

/* --- env/ ---------------------------------------------------------------- */

static void
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

static bool
has_env(const struct env *e)
{
	return file_exists_at(place.dirfd, strrchr(e->root, '/') + 1);
}

static void
environments_of_plans_that_stand_stay_and_others_go(void **state)
{
	auto_env struct env used = ENV_INIT, unused = ENV_INIT;
	const char *lock = put_lock("l");
	auto_free char *tree = NULL;

	(void)state;
	make_env("used", &used);
	make_env("unused", &unused);
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	sql(needs.farm, "UPDATE run SET environment = '%s'",
	    strrchr(used.root, '/') + 1);
	/* Its package is named by somebody. */
	sql(needs.farm,
	    "CREATE TABLE x (y TEXT) STRICT; INSERT INTO x VALUES ('%s')",
	    hex_of("used-deb"));
	run_gc();
	assert_true(has_env(&used));
	assert_false(has_env(&unused));
	tree = mem_printf("deb/%s", hex_of("used-deb"));
	assert_true(file_exists_at(place.dirfd, tree));
	free(tree);
	tree = mem_printf("deb/%s", hex_of("unused-deb"));
	assert_false(file_exists_at(place.dirfd, tree));
	assert_int_equal(env_same(&place, &used.digest, &err), 0);
}

/* --- verify -------------------------------------------------------------- */

static struct verify verify;

static void
look(int tuf)
{
	verify_release(&verify);
	verify = (struct verify){ .tuf = tuf };
	collect();
	if (verify_look(&verify, &needs, &place, &err) == -1)
		fail_msg("%s", err.msg);
}

static const json_t *
damage(const char *what, const char *name)
{
	for (size_t i = 0; i < json_array_size(verify.damage); i++) {
		const json_t *j = json_array_get(verify.damage, i);

		if (strcmp(json_string_value(json_object_get(j, "what")),
			what) == 0 &&
		    strcmp(json_string_value(json_object_get(j, "name")),
			name) == 0)
			return j;
	}
	fail_msg("%s %s is not damaged", what, name);
	return NULL;
}

static void
spoil(int dirfd, const char *path)
{
	auto_fd int fd = -1;

	assert_int_equal(fchmodat(dirfd, path, 0644, 0), 0);
	fd = openat(dirfd, path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "!", 1), 1);
}

static void
spoil_artifact(const char *name)
{
	char path[STORE_PATH];
	auto_free char *file = NULL;
	struct hash h;

	assert_true(hash_parse(&h, hex_of(name)));
	store_path(&h, path);
	file = mem_printf("s/%s", path);
	spoil(scratch.fd, file);
}

static void
verify_names_each_damage_and_mends_what_has_a_copy(void **state)
{
	const char *lock = put_lock("l");
	auto_env struct env e = ENV_INIT;
	auto_free char *bad = NULL, *good = NULL, *tree = NULL, *bin = NULL;
	struct hash h;

	(void)state;
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	make_env("tool", &e);
	assert_int_equal(mkdirat(scratch.fd, "tuf", 0755), 0);
	auto_fd int tuf = openat(scratch.fd, "tuf", O_RDONLY);
	auto_fd int targets =
	    dir_make_at(tuf, "targets/images/r/amd64", 0755, &err);
	bad = mem_printf("%s.x", hex_of("p-script"));
	good = mem_printf("%s.x", hex_of("p-out"));
	assert_true(hash_parse(&h, hex_of("p-out")));
	/* A copy, as under different uids. */
	assert_int_equal(
	    file_write_at(targets, good, "p-out", 5, 0644, &err), 0);
	assert_int_equal(
	    file_write_at(targets, bad, "other", 5, 0644, &err), 0);
	sql(needs.tuf,
	    "INSERT INTO placed (path, digest, at) VALUES "
	    "('images/r/amd64/gone', '%s', 1)",
	    hex_of("p-out"));
	look(tuf);
	assert_int_equal(json_array_size(verify.damage), 2);
	auto_free char *shown = mem_printf("targets/images/r/amd64/%s", bad);
	damage("published", shown);

	spoil_artifact("p-out");
	spoil_artifact("p-script");
	put("stray");
	spoil_artifact("stray");
	assert_true(hash_parse(&h, hex_of("l-deb")));
	assert_int_equal(store_remove(st, &h, &err), 0);
	tree = mem_printf("deb/%s", hex_of("tool-deb"));
	bin = mem_printf("deb/%s/root/usr/bin/tool", hex_of("tool-deb"));
	spoil(place.dirfd, bin);
	look(tuf);
	damage("artifact", hex_of("p-out"));
	damage("artifact", hex_of("p-script"));
	damage("artifact", hex_of("stray"));
	assert_string_equal(
	    json_string_value(json_object_get(
		damage("artifact", hex_of("l-deb")), "problem")),
	    "it is not there");
	damage("package", tree);
	damage("environment", strrchr(e.root, '/') + 1);
	assert_int_equal(json_array_size(verify.damage), 8);

	assert_int_equal(
	    verify_mend(&verify, &needs, &place, NULL, "amd64", &err), 0);
	/* Two published ones, the script and the package that nobody fetched.
	 */
	assert_int_equal(verify_left(&verify), 4);
	assert_true(hash_parse(&h, hex_of("p-out")));
	assert_int_equal(store_verify(st, &h, &err), 0);
	gone("stray");
	assert_false(file_exists_at(place.dirfd, tree));
	assert_false(has_env(&e));
	look(tuf);
	assert_int_equal(json_array_size(verify.damage), 4);
	verify_release(&verify);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_lock_in_use_keeps_all_it_names_and_one_of_the_past_nothing),
		T(an_imported_lock_stays_until_a_newer_one_is_imported),
		T(suites_and_kept_indexes_stay),
		T(a_plan_that_stands_keeps_what_it_takes_to_run_it_again),
		T(a_plan_whose_output_goes_is_to_be_run_again),
		T(unfinished_runs_keep_their_plan),
		T(logs_stay_for_their_time_and_records_for_ever),
		T(published_sets_and_their_predecessors_keep_their_images),
		T(what_a_router_runs_and_ran_before_stays),
		T(releases_stay_while_they_wait_and_while_they_are_listed),
		T(what_came_lately_stays_and_so_does_what_unknown_tables_name),
		T(a_dry_run_changes_nothing_and_says_the_same),
		T(killed_anywhere_the_next_one_finishes),
		T(nothing_goes_while_a_record_that_is_needed_is_damaged),
		T(environments_of_plans_that_stand_stay_and_others_go),
		T(verify_names_each_damage_and_mends_what_has_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
