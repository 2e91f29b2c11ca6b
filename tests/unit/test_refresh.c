/* rooms: tests/support/tuf */
/* Downloads that break, keys that go, URLs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tuf/refresh_place.h"

static void
a_broken_download_goes_on_where_it_broke(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	asked(p, FIRST);
	cut_target(p);
	assert_int_equal(get_target(p), -1);
	assert_int_equal(p->err.cls, ERR_BUSY);
	assert_int_equal(file_length(p), 10);
	asked(p, ".t+0 ");
	assert_int_equal(get_target(p), 0);
	assert_int_equal(file_length(p), 20);
	asked(p, ".t+10 ");
	assert_int_equal(get_target(p), 0);
	asked(p, "");
}

static void
tuf_5_7_4_a_wrong_first_part_is_thrown_away(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	assert_int_equal(pwrite(p->file, "xxxxx", 5, 0), 5);
	assert_int_equal(get_target(p), -1);
	assert_int_equal(p->err.cls, ERR_TRUST);
	assert_int_equal(file_length(p), 0);
	assert_int_equal(get_target(p), 0);
}

static void
a_full_but_wrong_file_is_fetched_anew(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	assert_int_equal(pwrite(p->file, "wrong but long enough", 21, 0), 21);
	assert_int_equal(get_target(p), 0);
	assert_int_equal(file_length(p), 20);
}

static void
tuf_5_9_3_a_run_cut_off_at_any_file_leaves_a_client_that_goes_on(void **state)
{
	static const char *const cuts[] = { "timestamp.json.cut",
		"1.snapshot.json.cut", "1.targets.json.cut" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		assert_int_equal(
		    file_write_at(p->repo, cuts[i], "", 0, 0644, &p->err), 0);
		assert_int_equal(run(p), -1);
		assert_int_equal(p->err.cls, ERR_BUSY);
		assert_false(file_exists_at(p->repo, cuts[i]));
	}
	assert_int_equal(run(p), 0);
}

static void
tuf_5_3_11_a_taken_key_removes_what_it_may_have_signed(void **state)
{
	struct place *p = *state;
	struct tufmake_key two[2];

	/* Both keys may sign; the second is taken away later. */
	tufmake_key(&two[0], 0);
	tufmake_key(&two[1], 1);
	js_set_int(p->root, "version", 2);
	tufmake_root_role(p->root, "timestamp", two, 2, 1);
	put(p, "2.root.json", p->root);
	js_set_int(p->timestamp, "version", 99999);
	put(p, "timestamp.json", p->timestamp);
	assert_int_equal(run(p), 0);
	js_set_int(p->timestamp, "version", 7);
	put(p, "timestamp.json", p->timestamp);
	assert_int_equal(run(p), -1);
	assert_non_null(strstr(p->err.msg, "rollback"));
	js_set_int(p->root, "version", 3);
	tufmake_root_role(p->root, "timestamp", two, 1, 1);
	put(p, "3.root.json", p->root);
	assert_int_equal(run(p), 0);
	assert_int_equal(tuf_timestamp(refresh_trust(p->r))->version, 7);
}

static void
put_text(struct place *p, const char *name, const char *text)
{
	assert_int_equal(
	    file_write_at(p->repo, name, text, strlen(text), 0644, &p->err), 0);
}

static void
a_page_to_log_in_at_is_no_verdict_on_the_repository(void **state)
{
	static const char *const pages[] = { "<html>Welcome</html>",
		"\r\n <!DOCTYPE html>", "Please log in.", "" };
	static const char *const names[] = { "2.root.json", "timestamp.json",
		"1.snapshot.json", "1.targets.json" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *page = pages[i];

		put_text(p, names[i], page);
		assert_int_equal(run(p), -1);
		assert_int_equal(p->err.cls, ERR_BUSY);
		assert_non_null(strstr(p->err.msg, "want a login"));
		err_clear(&p->err);
		if (i == 0)
			assert_int_equal(unlinkat(p->repo, names[0], 0), 0);
		put_all(p);
	}
	assert_int_equal(run(p), 0);
}

static void
what_claims_to_be_metadata_is_judged(void **state)
{
	static const char *const texts[] = { "{", "{}", "\n{\"signed\":1}" };
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		put_text(p, "timestamp.json", texts[i]);
		assert_int_equal(run(p), -1);
		assert_int_not_equal(p->err.cls, ERR_BUSY);
		err_clear(&p->err);
	}
}

static void
a_page_instead_of_a_target_is_asked_for_again(void **state)
{
	char hex[HASH_HEX], name[HASH_HEX + 8];
	struct place *p = *state;
	struct hash h;

	hash_bytes(&h, "twenty bytes of text", 20);
	hash_hex(&h, hex);
	snprintf(name, sizeof(name), "%s.t", hex);
	assert_int_equal(run(p), 0);
	put_text(p, name, "\n<html>Log in");
	assert_int_equal(get_target(p), -1);
	assert_int_equal(p->err.cls, ERR_BUSY);
	assert_int_equal(file_length(p), 0);
	err_clear(&p->err);
	put_text(p, name, "twenty other letters");
	assert_int_equal(get_target(p), -1);
	assert_int_equal(p->err.cls, ERR_TRUST);
	err_clear(&p->err);
	put_text(p, name, "twenty bytes of text");
	assert_int_equal(get_target(p), 0);
}

static void
tuf_5_7_3_urls_are_appended_to_and_paths_encoded(void **state)
{
	struct tuf_target t = { .path = (char *)"d/a b+#.x",
		.has_sha256 = true };
	auto_free char *plain = url_target("http://h/%5Bx%5D", &t, false);
	auto_free char *hashed = url_target("http://h/", &t, true);

	(void)state;
	assert_string_equal(plain, "http://h/%5Bx%5D/d/a%20b+%23.x");
	assert_string_equal(hashed,
	    "http://h/d/00000000000000000000000000000000"
	    "00000000000000000000000000000000.a%20b+%23.x");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(a_broken_download_goes_on_where_it_broke),
		T(tuf_5_7_4_a_wrong_first_part_is_thrown_away),
		T(a_full_but_wrong_file_is_fetched_anew),
		T(tuf_5_9_3_a_run_cut_off_at_any_file_leaves_a_client_that_goes_on),
		T(a_page_to_log_in_at_is_no_verdict_on_the_repository),
		T(what_claims_to_be_metadata_is_judged),
		T(a_page_instead_of_a_target_is_asked_for_again),
		T(tuf_5_3_11_a_taken_key_removes_what_it_may_have_signed),
		cmocka_unit_test(
		    tuf_5_7_3_urls_are_appended_to_and_paths_encoded),
	};

	if (argc == 2 && strcmp(argv[1], "files") == 0)
		return file_server();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
