/* rooms: tuf-repo */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tuf_farm.h"
#include "tuf-repo/change.h"
#include "tuf-repo/keyfile.h"
#include "tuf-repo/keyring.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/words.h"

static struct change change;
static struct request request;

static int
setup(void **state)
{
	(void)tf_release;
	if (tf_setup_with(state, false) == -1)
		return -1;
	change_init(&change, tf.start);
	request_init(&request);
	TF_OK(change_load(&change, tf.offline, &tf.err));
	return 0;
}

static int
teardown(void **state)
{
	change_release(&change);
	request_release(&request);
	return tf_teardown(state);
}

static void
new_key(const char *name, struct sig_public *pub)
{
	TF_OK(key_make(
	    tf.offline, name, NULL, (uid_t)-1, (gid_t)-1, pub, &tf.err));
}

/* Takes the role's key that lies under `old` out and `pub` in. */
static int
replace(const char *role, const char *old, const struct sig_public *pub,
    int64_t threshold)
{
	struct sig_public was;
	char id[HASH_HEX];
	const char *remove[] = { id };
	struct key_change k = { .add = pub,
		.nadd = pub ? 1 : 0,
		.remove = remove,
		.nremove = old ? 1 : 0,
		.threshold = threshold };

	err_clear(&tf.err);
	if (old) {
		TF_OK(key_public(tf.offline, old, &was, &tf.err));
		tuf_keyid(&was, id);
	}
	return change_keys(&change, role, &k, &tf.err);
}

static void
sign(enum part p, const char *name)
{
	struct sig_public pub;
	struct sig sig;

	TF_OK(key_sign(
	    tf.offline, name, NULL, &request.bytes[p], &pub, &sig, &tf.err));
	TF_OK(request_add(&request, p, &pub, &sig, &tf.err));
}

static bool
missing(const char *want)
{
	auto_buf struct buf text = BUF_INIT;
	bool any = request_missing(&request, &text);

	assert_string_equal(text.data, want);
	return any;
}

static void
a_root_needs_the_old_and_the_new_threshold(void **state)
{
	auto_buf struct buf file = BUF_INIT, words = BUF_INIT;
	struct sig_public one, two;

	(void)state;
	new_key("new-1", &one);
	new_key("new-2", &two);
	TF_OK(replace("root", "root-1", &one, 0));
	TF_OK(replace("root", "root-2", &two, 0));
	TF_OK(change_request(&change, &request, &tf.err));
	assert_null(request.next[PART_TARGETS]);
	request_words(&request, &words);
	assert_non_null(strstr(words.data, "root: version 2 after 1"));
	assert_non_null(strstr(words.data, "  root: takes in key "));
	assert_non_null(strstr(words.data, "  root: drops key "));
	assert_true(missing("root: 0 of 2 signatures by the root before it\n"
			    "root: 0 of 2 signatures by its own keys\n"));
	sign(PART_ROOT, "root-1");
	sign(PART_ROOT, "root-3");
	assert_true(missing("root: 1 of 2 signatures by its own keys\n"));
	assert_int_equal(request_file(&request, PART_ROOT, &file, &tf.err), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	err_clear(&tf.err);
	sign(PART_ROOT, "new-2");
	assert_false(missing(""));
	buf_clear(&file);
	TF_OK(request_file(&request, PART_ROOT, &file, &tf.err));
}

static void
what_falls_under_its_threshold_is_drafted_too(void **state)
{
	struct sig_public one, two, release;

	(void)state;
	new_key("new-1", &one);
	new_key("new-2", &two);
	new_key("new-3", &release);
	TF_OK(replace("targets", "targets-1", &one, 0));
	TF_OK(change_request(&change, &request, &tf.err));
	/* signed by all three when it was founded: two are left */
	assert_null(request.next[PART_TARGETS]);
	TF_OK(replace("targets", "targets-2", &two, 0));
	TF_OK(replace("sets-stable", "release-1", &release, 0));
	TF_OK(change_request(&change, &request, &tf.err));
	assert_non_null(request.next[PART_TARGETS]);
	assert_non_null(request.next[PART_STABLE]);
}

static void
a_threshold_above_the_keys_is_refused(void **state)
{
	(void)state;
	assert_int_equal(replace("root", NULL, NULL, 4), -1);
	assert_int_equal(tf.err.cls, ERR_INPUT);
	assert_int_equal(replace("sets-stable", "release-1", NULL, 0), -1);
	assert_string_equal(tf.err.msg,
	    "sets-stable: 1 must sign, but it would have 0 keys: add one"
	    " first");
	assert_int_equal(replace("no-role", NULL, NULL, 1), -1);
}

/* --- requests from elsewhere -------------------------------------------- */

static json_t *
draft(void)
{
	return json_array_get(json_object_get(request.json, "drafts"), 0);
}

static int
again(void)
{
	auto_buf struct buf text = BUF_INIT;
	struct request q;
	int rc;

	err_clear(&tf.err);
	request_init(&q);
	request_text(&request, &text);
	rc = request_read(&q, text.data, text.len, &tf.err);
	request_release(&q);
	return rc;
}

static void
a_request_that_was_changed_is_refused(void **state)
{
	auto_json json_t *good = NULL;
	struct sig_public pub;
	char *bytes, *at;

	(void)state;
	new_key("new-1", &pub);
	TF_OK(replace("root", "root-1", &pub, 0));
	TF_OK(change_request(&change, &request, &tf.err));
	sign(PART_ROOT, "root-1");
	TF_OK(again());
	good = json_deep_copy(request.json);

	/* other bytes under the signature */
	bytes = mem_str(json_string_value(json_object_get(draft(), "signed")));
	at = strstr(bytes, "\"threshold\":2");
	at[strlen("\"threshold\":")] = '1';
	js_set_str(draft(), "signed", bytes);
	assert_int_equal(again(), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
	/* bytes that are not canonical */
	at[strlen("\"threshold\":")] = '2';
	bytes = mem_resize(bytes, strlen(bytes) + 2, 1);
	memcpy(bytes + strlen(bytes), " ", 2);
	js_set_str(draft(), "signed", bytes);
	assert_int_equal(again(), -1);
	free(bytes);
	/* a present root that nobody signed */
	json_object_update(request.json, good);
	js_set_str(json_object_get(request.json, "current"), "root",
	    "{\"signatures\":[],\"signed\":{}}");
	assert_int_equal(again(), -1);
	assert_int_equal(tf.err.cls, ERR_TRUST);
}

static void
words_in_the_file_are_not_believed(void **state)
{
	auto_buf struct buf words = BUF_INIT, text = BUF_INIT;
	struct sig_public pub;
	struct request q;

	(void)state;
	new_key("new-1", &pub);
	TF_OK(replace("targets", "targets-1", &pub, 1));
	TF_OK(change_request(&change, &request, &tf.err));
	js_set(request.json, "words", json_array());
	request_text(&request, &text);
	request_init(&q);
	TF_OK(request_read(&q, text.data, text.len, &tf.err));
	request_words(&q, &words);
	assert_non_null(
	    strstr(words.data, "targets: 1 must sign instead of 2\n"));
	request_release(&q);
}

static void
an_expiry_that_stays_is_not_told_as_a_change(void **state)
{
	auto_buf struct buf words = BUF_INIT;
	const char *root, *targets;

	(void)state;
	change_renew(&change, PART_TARGETS); /* on the day of the first */
	change.time += 10 * DAY;
	change_renew(&change, PART_ROOT);
	TF_OK(change_request(&change, &request, &tf.err));
	request_words(&request, &words);
	print_message("# %s", words.data);
	root = strstr(words.data, "root: version 2 after 1, until ");
	targets = strstr(words.data, "targets: version 2 after 1, until ");
	assert_non_null(root);
	assert_non_null(targets);
	assert_non_null(strstr(root, "Z instead of 20"));
	assert_non_null(strstr(targets, "Z as before\n"));
	assert_null(strstr(targets, "instead of"));
}

static void
every_other_member_is_told_as_well(void **state)
{
	auto_buf struct buf words = BUF_INIT;

	(void)state;
	change_renew(&change, PART_TARGETS);
	js_set_bool(change.next[PART_TARGETS], "demo", true);
	TF_OK(change_request(&change, &request, &tf.err));
	request_words(&request, &words);
	assert_non_null(strstr(words.data, "  demo: true\n"));
}

static void
an_interrupted_acceptance_is_finished(void **state)
{
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	change_renew(&change, PART_TARGETS);
	TF_OK(change_request(&change, &request, &tf.err));
	sign(PART_TARGETS, "targets-1");
	sign(PART_TARGETS, "targets-2");
	/* killed right after the first write */
	request_text(&request, &text);
	TF_OK(file_write_at(
	    tf.offline, "accepted.json", text.data, text.len, 0444, &tf.err));
	change_release(&change);
	change_init(&change, tf.start);
	TF_OK(change_load(&change, tf.offline, &tf.err));
	assert_int_equal(change.now[PART_TARGETS]->version, 2);
	assert_false(file_exists_at(tf.offline, "accepted.json"));
	assert_true(file_exists_at(tf.offline, "2.targets.json"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_root_needs_the_old_and_the_new_threshold),
		TEST(what_falls_under_its_threshold_is_drafted_too),
		TEST(a_threshold_above_the_keys_is_refused),
		TEST(a_request_that_was_changed_is_refused),
		TEST(words_in_the_file_are_not_believed),
		TEST(an_expiry_that_stays_is_not_told_as_a_change),
		TEST(every_other_member_is_told_as_well),
		TEST(an_interrupted_acceptance_is_finished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
