/* rooms: builder/doubt/wish.c builder/doubt/origin_read.c */
/* What somebody may ask for, and what a server may say it came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/doubt/origin_read.h"
#include "builder/doubt/wish.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/own.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct wish wish;
static struct err err;

static int
each(void **state)
{
	(void)state;
	wish_release(&wish);
	err = (struct err)ERR_INIT;
	return 0;
}

static void
parse(const char *what, enum wish_kind kind, const char *from)
{
	wish_release(&wish);
	if (wish_parse(&wish, what, &err) == -1)
		fail_msg("%s: %s", what, err.msg);
	assert_int_equal(wish.kind, kind);
	if (from)
		assert_string_equal(wish.from, from);
	else
		assert_null(wish.from);
}

static void
digests_builds_and_files_are_told_apart(void **state)
{
	struct hash h;

	(void)state;
	assert_true(hash_parse(&h, HEX));
	parse(HEX, WISH_DIGEST, NULL);
	assert_true(hash_equal(&wish.digest, &h));
	parse("42", WISH_RUN, NULL);
	assert_int_equal(wish.run, 42);
	parse("./42", WISH_FILE, NULL);
	assert_string_equal(wish.path, "./42");
	parse("a.kiln", WISH_BUNDLE, NULL);
	parse("dir/x.kiln", WISH_BUNDLE, NULL);
	parse("image", WISH_FILE, NULL);
	/* 63 digits, and capitals, are no digest. */
	parse(&HEX[1], WISH_FILE, NULL);
	parse("00112233445566778899AABBCCDDEEFF"
	      "00112233445566778899AABBCCDDEEFF",
	    WISH_FILE, NULL);
}

static void
pages_name_their_server_and_what_they_show(void **state)
{
	(void)state;
	parse("http://farm.example/build/7", WISH_RUN, "http://farm.example/");
	assert_int_equal(wish.run, 7);
	parse("https://a.example:8443/kiln/build/7/log?x=1#end", WISH_RUN,
	    "https://a.example:8443/kiln/");
	parse("http://farm.example/build/7.json", WISH_RUN,
	    "http://farm.example/");
	parse("http://farm.example/api/v1/builds/9", WISH_RUN,
	    "http://farm.example/");
	parse("http://farm.example/image/" HEX, WISH_DIGEST,
	    "http://farm.example/");
	parse("http://farm.example/image/" HEX ".json", WISH_DIGEST,
	    "http://farm.example/");
	parse("http://farm.example/api/v1/artifacts/" HEX, WISH_DIGEST,
	    "http://farm.example/");
}

static void
other_pages_are_refused(void **state)
{
	static const char *const bad[] = { "http://farm.example/",
		"http://farm.example/recipe/dns", "http://farm.example/build/",
		"http://farm.example/build/x", "http://farm.example/build/0",
		"http://farm.example/image/12", "http:///build/7",
		"http://user:secret@farm.example/build/7",
		"http://farm.example/?q=/build/7",
		"http://farm.example/build/99999999999999999999", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		wish_release(&wish);
		err = (struct err)ERR_INIT;
		if (wish_parse(&wish, bad[i], &err) != -1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.cls, ERR_INPUT);
	}
}

static void
an_address_of_a_farm_gets_its_slash(void **state)
{
	auto_free char *a = NULL, *b = NULL, *c = NULL;

	(void)state;
	assert_int_equal(wish_from("http://farm.example", &a, &err), 0);
	assert_string_equal(a, "http://farm.example/");
	assert_int_equal(wish_from("https://farm.example/x/", &b, &err), 0);
	assert_string_equal(b, "https://farm.example/x/");
	assert_int_equal(wish_from("ftp://farm.example/", &c, &err), -1);
	assert_int_equal(wish_from("farm.example", &c, &err), -1);
	assert_int_equal(wish_from("http://a b/", &c, &err), -1);
	assert_int_equal(wish_from("http://farm.example/\n", &c, &err), -1);
	assert_int_equal(wish_from("http://", &c, &err), -1);
}

/* --- origins ---------------------------------------------------------------*/

static json_t *
golden(void)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	assert_int_equal(
	    file_read("tests/golden/origin.json", 1 << 20, &text, &err), 0);
	j = js_parse("origin", text.data, text.len, &err);
	assert_non_null(j);
	return j;
}

/* Takes the JSON. */
static int
reads(json_t *j, struct origin *o)
{
	auto_buf struct buf text = BUF_INIT;
	struct err ignored = ERR_INIT;

	assert_int_equal(canon_json(j, &text, &ignored), 0);
	json_decref(j);
	return origin_read(o, "origin", text.data, text.len, &err);
}

static json_t *
plan_of(json_t *j, size_t i)
{
	return json_array_get(json_object_get(j, "plans"), i);
}

static void
an_origin_is_read(void **state)
{
	struct origin o;

	(void)state;
	assert_int_equal(reads(golden(), &o), 0);
	assert_true(o.by_digest);
	assert_string_equal(o.service, "dns-dhcp");
	assert_int_equal(o.nplans, 2);
	assert_string_equal(o.plans[0].recipe, "guest-init");
	assert_int_equal(o.plans[1].noutputs, 1);
	assert_true(hash_equal(&o.plans[1].outputs[0].sha256, &o.digest));
	origin_release(&o);
}

static void
an_origin_that_is_none_is_refused(void **state)
{
	struct origin o;
	json_t *j;

	(void)state;
	j = golden();
	js_set_int(j, "more", 1);
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_int(j, "v", 3);
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set(j, "plans", json_array());
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_str(j, "service", "../x");
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_str(plan_of(j, 0), "recipe", "a/b");
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_str(plan_of(j, 0), "plan", "12");
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_str(plan_of(j, 1), "mine", "x");
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	js_set_str(json_array_get(json_object_get(plan_of(j, 0), "outputs"), 0),
	    "name", ".hidden");
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	json_array_append_new(
	    json_object_get(plan_of(j, 0), "outputs"), json_integer(1));
	assert_int_equal(reads(j, &o), -1);
	j = golden();
	for (int i = 0; i < 300; i++)
		json_array_append(json_object_get(j, "plans"), plan_of(j, 0));
	assert_int_equal(reads(j, &o), -1);
	assert_non_null(strstr(err.msg, "302 plans"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    digests_builds_and_files_are_told_apart, each),
		cmocka_unit_test_setup(
		    pages_name_their_server_and_what_they_show, each),
		cmocka_unit_test_setup(other_pages_are_refused, each),
		cmocka_unit_test_setup(
		    an_address_of_a_farm_gets_its_slash, each),
		cmocka_unit_test_setup(an_origin_is_read, each),
		cmocka_unit_test_setup(an_origin_that_is_none_is_refused, each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
