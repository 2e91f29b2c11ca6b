/* rooms: builder/schema.c */
/* What has to be built to have an artifact, and no more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/schema.h"
#include "lib/db.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/origin.h"
#include "lib/own.h"
#include "lib/store.h"
#include "tests/support/scratch.h"

static struct db *db;
static struct store *store;
static int folder;
static struct err err;
static int runs;

static int
setup(void **state)
{
	auto_free char *path = NULL;

	if (scratch_setup(state) != 0)
		return -1;
	path = mem_printf("%s/farm.db", scratch.path);
	db = db_open(path, farm_migrations, farm_migrations_count, &err);
	folder = dir_make_at(scratch.fd, "store", 0755, &err);
	store = folder == -1 ? NULL : store_open(folder, &err);
	return db && store ? 0 : -1;
}

static int
teardown(void **state)
{
	store_free(store);
	db_close(db);
	close(folder);
	return scratch_teardown(state);
}

/* The digest that stands for a word. */
static const char *
hex(const char *word)
{
	static char out[4][HASH_HEX];
	static int turn;
	struct hash h;

	turn = (turn + 1) % 4;
	hash_bytes(&h, word, strlen(word));
	hash_hex(&h, out[turn]);
	return out[turn];
}

static void
sql(char *text)
{
	if (db_exec(db, text, &err) == -1)
		fail_msg("%s: %s", text, err.msg);
	free(text);
}

/* `uses`: the JSON of them; outputs are words.  Its digest into `out`. */
static void
plan(const char *recipe, const char *uses, const char *first,
    const char *second, char out[HASH_HEX])
{
	auto_free char *text =
	    mem_printf("{\"of\":\"%s %d\",\"uses\":[%s]}", recipe, runs, uses);
	struct hash h;

	assert_int_equal(
	    store_put_bytes(store, text, strlen(text), &h, &err), 0);
	hash_hex(&h, out);
	runs++;
	sql(mem_printf(
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at, verdict)"
	    " VALUES ('%s', '%s', 'build', '%s', 1, 'reproduced')",
	    out, recipe, out));
	sql(mem_printf("INSERT INTO run (id, plan, lane, state, queued_at)"
		       " VALUES (%d, '%s', 'A', 'succeeded', 1)",
	    runs, out));
	sql(mem_printf("INSERT INTO output (run, name, digest, size)"
		       " VALUES (%d, 'first', '%s', 1)",
	    runs, hex(first)));
	if (second)
		sql(mem_printf("INSERT INTO output (run, name, digest, size)"
			       " VALUES (%d, 'second', '%s', 1)",
		    runs, hex(second)));
}

static json_t *
origin(const char *word)
{
	struct hash h;
	json_t *j;

	hash_bytes(&h, word, strlen(word));
	j = origin_of_digest(db, folder, &h, &err);
	if (!j)
		fail_msg("%s", err.msg);
	return json_object_get(j, "plans") ? j : NULL;
}

static const char *
nth(const json_t *j, size_t i)
{
	return json_string_value(json_object_get(
	    json_array_get(json_object_get(j, "plans"), i), "plan"));
}

/* A recipe changed, and one of its two outputs with it.  What needs the old
 * one is not built with both. */
static void
one_plan_that_gives_all_that_is_used_is_enough(void **state)
{
	char old[HASH_HEX], new[HASH_HEX], user[HASH_HEX];
	auto_free char *uses = NULL;
	auto_json json_t *j = NULL;

	(void)state;
	plan("base", "", "same", "was", old);
	plan("base", "", "same", "is", new);
	uses = mem_printf(
	    "{\"recipe\":\"base\",\"output\":\"first\",\"sha256\":\"%s\"},"
	    "{\"recipe\":\"base\",\"output\":\"second\",\"sha256\":\"%s\"}",
	    hex("same"), hex("was"));
	plan("user", uses, "wanted", NULL, user);
	j = origin("wanted");
	assert_int_equal(json_array_size(json_object_get(j, "plans")), 2);
	assert_string_equal(nth(j, 0), old);
	assert_string_equal(nth(j, 1), user);
	assert_true(json_is_null(json_object_get(j, "service")));
}

/* Of several that would do, the newest. */
static void
the_newest_of_equals_is_named(void **state)
{
	char old[HASH_HEX], new[HASH_HEX];
	auto_json json_t *j = NULL;

	(void)state;
	plan("twice", "", "equal", NULL, old);
	plan("twice", "", "equal", NULL, new);
	j = origin("equal");
	assert_int_equal(json_array_size(json_object_get(j, "plans")), 1);
	assert_string_equal(nth(j, 0), new);
}

/* It hands on what it uses: it gives that, too, but not to itself. */
static void
a_plan_gives_nothing_to_itself(void **state)
{
	char giver[HASH_HEX], copier[HASH_HEX];
	auto_free char *uses = NULL;
	auto_json json_t *j = NULL;

	(void)state;
	plan("giver", "", "copied", NULL, giver);
	uses = mem_printf(
	    "{\"recipe\":\"copier\",\"output\":\"first\",\"sha256\":\"%s\"}",
	    hex("copied"));
	plan("copier", uses, "copied", "more", copier);
	j = origin("more");
	assert_int_equal(json_array_size(json_object_get(j, "plans")), 2);
	assert_string_equal(nth(j, 0), giver);
	assert_string_equal(nth(j, 1), copier);
}

static void
what_nobody_gave_is_missing(void **state)
{
	char user[HASH_HEX];
	auto_free char *uses = mem_printf(
	    "{\"recipe\":\"gone\",\"output\":\"x\",\"sha256\":\"%s\"}",
	    hex("gone"));
	struct hash h;

	(void)state;
	hash_bytes(&h, "nothing", 7);
	assert_null(origin_of_digest(db, folder, &h, &err));
	assert_int_equal(err.cls, ERR_MISSING);
	plan("needy", uses, "needs", NULL, user);
	hash_bytes(&h, "needs", 5);
	assert_null(origin_of_digest(db, folder, &h, &err));
	assert_int_equal(err.cls, ERR_MISSING);
	assert_non_null(strstr(err.msg, "x of gone"));
	assert_null(origin_of_run(db, folder, 9999, &err));
	assert_int_equal(err.cls, ERR_MISSING);
}

/* Its SBOM tells of that one, whatever was built since. */
static void
of_what_is_published_the_plans_it_was_made_of_are_named(void **state)
{
	char old[HASH_HEX], new[HASH_HEX], image[HASH_HEX];
	auto_free char *uses = NULL;
	auto_json json_t *before = NULL, *after = NULL;

	(void)state;
	plan("part", "", "used", NULL, old);
	uses = mem_printf(
	    "{\"recipe\":\"part\",\"output\":\"first\",\"sha256\":\"%s\"}",
	    hex("used"));
	plan("whole", uses, "image", NULL, image);
	plan("part", "", "used", NULL, new);
	before = origin("image");
	assert_string_equal(nth(before, 0), new);
	sql(mem_printf("INSERT INTO release (digest, service, arch, plan,"
		       " made_at) VALUES ('%s', 'whole', 'amd64', '%s', 1)",
	    hex("release"), image));
	sql(mem_printf("INSERT INTO release_part (release, plan) VALUES"
		       " ('%s', '%s'), ('%s', '%s')",
	    hex("release"), image, hex("release"), old));
	after = origin("image");
	assert_string_equal(nth(after, 0), old);
	assert_string_equal(
	    json_string_value(json_object_get(after, "service")), "whole");
	/* Taken back: it is no release any more. */
	sql(mem_printf("UPDATE release SET withheld = 'so' WHERE digest = '%s'",
	    hex("release")));
	json_decref(after);
	after = origin("image");
	assert_string_equal(nth(after, 0), new);
}

static void
the_files_of_the_recipes_that_asked_are_named_with_their_signatures(
    void **state)
{
	char made[HASH_HEX];
	auto_json json_t *j = NULL;
	const json_t *trees;

	(void)state;
	plan("shared", "", "out", NULL, made);
	sql(mem_printf(
	    "INSERT INTO plan_tree (plan, recipe, tree, signature) VALUES"
	    " ('%s', 'shared', '%s', '%s'), ('%s', 'another', '%s', NULL)",
	    made, hex("tree"), hex("signature"), made, hex("other")));
	j = origin("out");
	trees = json_object_get(
	    json_array_get(json_object_get(j, "plans"), 0), "trees");
	assert_int_equal(json_array_size(trees), 2);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(trees, 0), "recipe")),
	    "another");
	assert_true(json_is_null(
	    json_object_get(json_array_get(trees, 0), "signature")));
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(trees, 1), "signature")),
	    hex("signature"));
}

/* A release wants reproduced builds alone. */
static void
a_plan_is_whole_when_what_it_uses_is_reproduced(void **state)
{
	char part[HASH_HEX], user[HASH_HEX];
	auto_free char *uses = NULL;
	auto_json json_t *j = NULL;
	struct hash h;
	bool whole;

	(void)state;
	plan("doubted", "", "shaky", NULL, part);
	uses = mem_printf("{\"recipe\":\"doubted\",\"output\":\"first\","
			  "\"sha256\":\"%s\"}",
	    hex("shaky"));
	plan("rests", uses, "built", NULL, user);
	assert_true(hash_parse(&h, user));
	assert_null(origin_of_plan(db, folder, &h, &whole, &err));
	assert_true(whole); /* it has no verdict on record itself */
	assert_int_equal(err.cls, ERR_MISSING);
	sql(mem_printf("UPDATE plan SET verdict_record = '%s'", hex("v")));
	j = origin_of_plan(db, folder, &h, &whole, &err);
	assert_non_null(j);
	assert_true(whole);
	assert_int_equal(json_array_size(json_object_get(j, "plans")), 2);
	sql(mem_printf(
	    "UPDATE plan SET verdict = 'differs' WHERE digest = '%s'", part));
	assert_null(origin_of_plan(db, folder, &h, &whole, &err));
	assert_false(whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    one_plan_that_gives_all_that_is_used_is_enough),
		cmocka_unit_test(the_newest_of_equals_is_named),
		cmocka_unit_test(a_plan_gives_nothing_to_itself),
		cmocka_unit_test(what_nobody_gave_is_missing),
		cmocka_unit_test(
		    of_what_is_published_the_plans_it_was_made_of_are_named),
		cmocka_unit_test(
		    the_files_of_the_recipes_that_asked_are_named_with_their_signatures),
		cmocka_unit_test(
		    a_plan_is_whole_when_what_it_uses_is_reproduced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
