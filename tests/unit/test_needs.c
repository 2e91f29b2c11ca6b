/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge builder/keep tuf-repo/schema.c web/schema.c */
/* What keeps an artifact, and that only this does. */
#include "tests/support/keepfarm.h"

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

/* Whoever derives it again asks for them. */
static void
files_of_a_recipe_stay_with_the_plan_that_it_asked_for(void **state)
{
	const char *lock = put_lock("l"), *tree;

	(void)state;
	put_plan("r", "p", lock, 1, NULL);
	stands("r", "p-plan");
	put("recipe.yaml of r");
	put("recipe.sig of r");
	put("nobody's");
	tree = put_json("tree of r", json_pack("{s:[{s:s}]}", "files", "sha256",
					 hex_of("recipe.yaml of r")));
	sql(needs.farm,
	    "INSERT INTO plan_tree (plan, recipe, tree, signature) VALUES"
	    " ('%s', 'r', '%s', '%s')",
	    hex_of("p-plan"), tree, hex_of("recipe.sig of r"));
	run_gc();
	kept("tree of r", "the plan that stands for r/build: recipe r");
	kept("recipe.yaml of r", "the plan that stands for r/build: recipe r");
	kept("recipe.sig of r", "the plan that stands for r/build: recipe r");
	gone("nobody's");
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

int
main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, keepfarm_setup, keepfarm_teardown)
	const struct CMUnitTest tests[] = {
		T(a_lock_in_use_keeps_all_it_names_and_one_of_the_past_nothing),
		T(an_imported_lock_stays_until_a_newer_one_is_imported),
		T(suites_and_kept_indexes_stay),
		T(a_plan_that_stands_keeps_what_it_takes_to_run_it_again),
		T(files_of_a_recipe_stay_with_the_plan_that_it_asked_for),
		T(a_plan_whose_output_goes_is_to_be_run_again),
		T(unfinished_runs_keep_their_plan),
		T(logs_stay_for_their_time_and_records_for_ever),
		T(published_sets_and_their_predecessors_keep_their_images),
		T(what_a_router_runs_and_ran_before_stays),
		T(releases_stay_while_they_wait_and_while_they_are_listed),
		T(what_came_lately_stays_and_so_does_what_unknown_tables_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
