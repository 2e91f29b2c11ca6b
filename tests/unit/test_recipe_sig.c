/* What a maintainer signed, and who refuses what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/own.h"
#include "lib/recipe_sig.h"

static struct err err;
static struct sig_public mary, eve;
static struct sig_seed mary_key, eve_key;

static int
setup(void **state)
{
	(void)state;
	err_clear(&err);
	sig_keypair(&mary_key, &mary);
	sig_keypair(&eve_key, &eve);
	return 0;
}

static json_t *
tree_of(const char *recipe, const char *script)
{
	auto_buf struct buf text = BUF_INIT;
	char hex[HASH_HEX];
	struct hash h;
	json_t *j;

	hash_bytes(&h, script, strlen(script));
	hash_hex(&h, hex);
	buf_printf(&text,
	    "{\"kind\":\"kiln/recipe-tree\",\"v\":1,\"recipe\":\"%s\","
	    "\"files\":[{\"path\":\"build.sh\",\"x\":false,\"sha256\":\"%s\"},"
	    "{\"path\":\"recipe.yaml\",\"x\":false,\"sha256\":\"%s\"}]}",
	    recipe, hex, hex);
	j = js_parse("tree", text.data, text.len, &err);
	assert_non_null(j);
	assert_int_equal(recipe_tree_check("tree", j, &err), 0);
	return j;
}

static void
sign(struct recipe_sig *s, const json_t *tree, const struct sig_public *pub,
    const struct sig_seed *key)
{
	auto_buf struct buf text = BUF_INIT;
	struct recipe_signature one = { .key = *pub };

	assert_int_equal(recipe_sig_text(tree, &text, &err), 0);
	sig_sign(key, text.data, text.len, &one.sig);
	if (!s->tree)
		s->tree = json_deep_copy(tree);
	assert_int_equal(recipe_sig_add(s, &one, &err), 0);
}

static void
refused(const json_t *tree, const struct recipe_sig *s, const char *words)
{
	assert_int_equal(recipe_sig_judge(tree, s, &mary, 1, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	if (!strstr(err.msg, words))
		fail_msg("%s", err.msg);
	err_clear(&err);
}

static void
what_a_maintainer_signed_is_taken_and_survives_its_file(void **state)
{
	auto_json json_t *tree = tree_of("demo", "make");
	auto_recipe_sig struct recipe_sig s = RECIPE_SIG_INIT;
	auto_recipe_sig struct recipe_sig again = RECIPE_SIG_INIT;
	auto_buf struct buf text = BUF_INIT;

	(void)state;
	sign(&s, tree, &eve, &eve_key);
	sign(&s, tree, &mary, &mary_key);
	sign(&s, tree, &mary, &mary_key); /* one key counts once */
	assert_int_equal(s.n, 2);
	assert_int_equal(recipe_sig_write(&s, &text, &err), 0);
	assert_int_equal(
	    recipe_sig_read(&again, "f", text.data, text.len, &err), 0);
	assert_int_equal(recipe_sig_judge(tree, &again, &mary, 1, &err), 0);
}

static void
what_nobody_or_somebody_else_signed_is_refused_with_a_sentence(void **state)
{
	auto_json json_t *tree = tree_of("demo", "make");
	auto_recipe_sig struct recipe_sig s = RECIPE_SIG_INIT;

	(void)state;
	refused(tree, NULL, "recipe demo: no maintainer has signed it");
	sign(&s, tree, &eve, &eve_key);
	refused(tree, &s, "none of its signatures is a good one by a maint");
	/* Under her name, but not by her key. */
	s.v[0].key = mary;
	refused(tree, &s, "none of its signatures is a good one by a maint");
}

static void
a_file_that_was_changed_is_named(void **state)
{
	auto_json json_t *tree = tree_of("demo", "make");
	auto_json json_t *other = tree_of("demo", "rm -rf /");
	auto_json json_t *more = json_deep_copy(tree);
	auto_json json_t *named = tree_of("other", "make");
	auto_recipe_sig struct recipe_sig s = RECIPE_SIG_INIT;
	json_t *file;

	(void)state;
	sign(&s, tree, &mary, &mary_key);
	refused(other, &s, "build.sh is not what its maintainer signed");
	file = json_object_get(more, "files");
	json_array_append_new(file, json_deep_copy(json_array_get(file, 0)));
	js_set_str(json_array_get(file, 2), "path", "new.sh");
	refused(more, &s, "new.sh is not what its maintainer signed");
	json_array_remove(file, 2);
	json_array_remove(file, 1);
	refused(more, &s, "recipe.yaml is not what its maintainer signed");
	refused(named, &s, "its name is not what its maintainer signed");
}

static void
what_is_no_signature_file_is_refused(void **state)
{
	static const char *const bad[] = { "", "{}",
		"{\"kind\":\"kiln/recipe-signature\",\"v\":2}",
		"{\"kind\":\"kiln/recipe-signature\",\"v\":1,\"tree\":{},"
		"\"signatures\":[]}",
		"{\"kind\":\"kiln/recipe-signature\",\"v\":1,\"tree\":"
		"{\"kind\":\"kiln/recipe-tree\",\"v\":1,\"recipe\":\"a\","
		"\"files\":[{\"path\":\"../a\",\"x\":false,\"sha256\":\"\"}]},"
		"\"signatures\":[]}",
		"{\"kind\":\"kiln/recipe-signature\",\"v\":1,\"tree\":"
		"{\"kind\":\"kiln/recipe-tree\",\"v\":1,\"recipe\":\"a\","
		"\"files\":[]},\"signatures\":[{\"key\":\"00\","
		"\"sig\":\"00\"}]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_recipe_sig struct recipe_sig s = RECIPE_SIG_INIT;

		assert_int_equal(
		    recipe_sig_read(&s, "f", bad[i], strlen(bad[i]), &err), -1);
		assert_int_equal(err.cls, ERR_INPUT);
		err_clear(&err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_a_maintainer_signed_is_taken_and_survives_its_file),
		cmocka_unit_test(
		    what_nobody_or_somebody_else_signed_is_refused_with_a_sentence),
		cmocka_unit_test(a_file_that_was_changed_is_named),
		cmocka_unit_test(what_is_no_signature_file_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
