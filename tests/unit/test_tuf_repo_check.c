/* rooms: tuf-repo */
/* A stranger's eye: each defect of a tree is found, and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/own.h"
#include "lib/tuf_read.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/keysign.h"
#include "tuf-repo/metadata.h"

/* Does any finding hold the words? */
static bool
found(const char *words)
{
	struct source src = SOURCE_INIT;
	struct check c = CHECK_INIT;
	bool hit = false;

	c.now = tf.repo.now;
	source_dirs(&src, tf.repo.metadata, tf.repo.targets);
	TF_OK(check_tree(&c, &src, &tf.err));
	for (size_t i = 0; i < json_array_size(c.findings); i++) {
		const char *text = json_string_value(
		    json_object_get(json_array_get(c.findings, i), "text"));

		hit |= strstr(text, words) != NULL;
		if (!hit)
			print_message("# %s\n", text);
	}
	check_release(&c);
	source_release(&src);
	return hit;
}

static int
setup(void **state)
{
	if (tf_setup(state) == -1)
		return -1;
	tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	return 0;
}

static void
change(const char *name, const char *from, const char *to)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	char *path = mem_printf("tuf/metadata/%s", name), *at;

	TF_OK(file_read_at(scratch.fd, path, 1 << 20, &b, &tf.err));
	at = strstr(b.data, from);
	assert_non_null(at);
	buf_add(&out, b.data, (size_t)(at - b.data));
	buf_str(&out, to);
	buf_str(&out, at + strlen(from));
	TF_OK(
	    file_write_at(scratch.fd, path, out.data, out.len, 0644, &tf.err));
	buf_release(&b);
	buf_release(&out);
	free(path);
}

static void
finds_a_changed_byte_in_a_role(void **state)
{
	(void)state;
	change("2.svc-dns-dhcp.json", "\"memory\":1", "\"memory\":2");
	assert_true(found("svc-dns-dhcp"));
}

static void
finds_a_missing_role(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(tf.repo.metadata, "1.brake.json", 0), 0);
	assert_true(found("1.brake.json"));
}

static void
finds_a_missing_and_a_wrong_target(void **state)
{
	struct hash h;
	char hex[HASH_HEX], *path;

	(void)state;
	hash_bytes(&h, "image one", 9);
	hash_hex(&h, hex);
	path = mem_printf("images/dns-dhcp/amd64/%s.%s", hex, hex);
	TF_OK(file_write_at(
	    tf.repo.targets, path, "image two", 9, 0644, &tf.err));
	assert_true(found("SHA-256"));
	TF_OK(file_write_at(
	    tf.repo.targets, path, "long image", 10, 0644, &tf.err));
	assert_true(found("bytes"));
	TF_OK(file_remove_at(tf.repo.targets, path, &tf.err));
	assert_true(found(hex));
	free(path);
}

static void
finds_an_expired_timestamp(void **state)
{
	(void)state;
	tf.repo.now += 8 * 86400;
	assert_true(found("expired"));
}

static void
finds_a_root_that_was_taken_away(void **state)
{
	(void)state;
	assert_int_equal(unlinkat(tf.repo.metadata, "1.root.json", 0), 0);
	assert_true(found("1.root.json"));
}

/* Signs targets of our own making with the farm's offline key and publishes
 * it by hand: what a careless ceremony could do. */
static void
publish_targets(json_t *part)
{
	struct meta_signature sig;
	struct buf bytes = BUF_INIT, file = BUF_INIT;

	TF_OK(canon_json(part, &bytes, &tf.err));
	TF_OK(key_sign(tf.offline, "targets-1", NULL, &bytes, &sig.key,
	    &sig.sig, &tf.err));
	TF_OK(meta_file(bytes.data, bytes.len, &sig, 1, &file, &tf.err));
	TF_OK(collect_file(&tf.repo, "targets", file.data, file.len, &tf.err));
	buf_release(&bytes);
	buf_release(&file);
}

static json_t *
next_targets(void)
{
	auto_tuf struct tuf_file *f = NULL;
	json_t *part;

	TF_OK(role_load_newest(tf.repo.db, "targets", &f, &tf.err));
	part = json_deep_copy(f->signed_json);
	js_set_int(part, "version", f->version + 1);
	return part;
}

static json_t *
delegation(json_t *part, const char *name)
{
	json_t *roles =
	    json_object_get(json_object_get(part, "delegations"), "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		json_t *o = json_array_get(roles, i);

		if (strcmp(json_string_value(json_object_get(o, "name")),
			name) == 0)
			return o;
	}
	fail_msg("no %s", name);
	return NULL;
}

/* The pass must refuse to publish it, and say so. */
static void
assert_not_published(const char *words)
{
	assert_int_equal(tf_pass(), -1);
	if (!strstr(tf.err.msg, words))
		fail_msg("it says: %s", tf.err.msg);
	assert_int_equal(tf_findings(), 0); /* clients see the old tree */
}

static void
a_key_in_two_roles_is_not_published(void **state)
{
	auto_json json_t *part = next_targets();
	json_t *edge = delegation(part, "sets-edge");

	(void)state;
	json_object_set(delegation(part, "transport"), "keyids",
	    json_object_get(edge, "keyids"));
	publish_targets(part);
	assert_not_published("transport");
}

static void
a_service_that_does_not_terminate_is_not_published(void **state)
{
	auto_json json_t *part = next_targets();

	(void)state;
	js_set_bool(delegation(part, "svc-ntp"), "terminating", false);
	publish_targets(part);
	assert_not_published("svc-ntp is not terminating");
}

static void
a_pattern_that_clients_read_differently_is_not_published(void **state)
{
	auto_json json_t *part = next_targets();
	json_t *paths = json_object_get(delegation(part, "transport"), "paths");

	(void)state;
	json_array_set_new(paths, 0, json_string("transport/{a,b}/*/*"));
	publish_targets(part);
	assert_not_published("pattern");
}

static void
a_role_of_another_that_covers_an_image_is_not_published(void **state)
{
	auto_json json_t *part = next_targets();
	json_t *roles =
	    json_object_get(json_object_get(part, "delegations"), "roles");
	json_t *brake = json_incref(delegation(part, "brake"));
	json_t *paths = json_object_get(brake, "paths");
	size_t at = 0;

	(void)state;
	/* terminating and first: it hides every image */
	while (json_array_get(roles, at) != brake)
		at++;
	json_array_remove(roles, at);
	json_array_set_new(paths, 0, json_string("images/*/*/*"));
	js_set_bool(brake, "terminating", true);
	json_array_insert_new(roles, 0, brake);
	publish_targets(part);
	assert_not_published("no client finds it");
}

static void
tuf_6_5_2_a_role_that_lives_too_long_is_not_published(void **state)
{
	auto_json json_t *part = next_targets();

	(void)state;
	meta_set_time(part, "expires", tf.repo.now + 1000 * DAY);
	publish_targets(part);
	assert_not_published("it lives longer than 365 days");
}

/* The notes of a tree, as one text. */
static void
notes(struct buf *out)
{
	struct source src = SOURCE_INIT;
	struct check c = CHECK_INIT;

	c.now = tf.repo.now;
	source_dirs(&src, tf.repo.metadata, tf.repo.targets);
	TF_OK(check_tree(&c, &src, &tf.err));
	js_text(c.notes, false, out);
	check_release(&c);
	source_release(&src);
}

static void
tuf_6_5_4_a_stranger_is_told_of_roles_that_end_soon(void **state)
{
	auto_buf struct buf early = BUF_INIT, late = BUF_INIT;

	(void)state;
	notes(&early);
	assert_null(strstr(early.data, "it ends in"));
	/* serve keeps the online roles; nobody signs targets */
	tf.repo.now += 310 * DAY;
	TF_OK(tf_pass());
	notes(&late);
	assert_non_null(strstr(late.data,
	    "{\"where\":\"targets\",\"text\":\"it ends in 55 days\"}"));
	assert_null(
	    strstr(late.data, "{\"where\":\"svc-ntp\",\"text\":\"it ends"));
}

static size_t
role_findings(const char *path_head)
{
	static const char hex[] = "ba7816bf8f01cfea414140de5dae2223"
				  "b00361a396177a9cb410ff61f20015ad";
	auto_free char *text = mem_printf(
	    "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"expires\":"
	    "\"2030-01-01T00:00:00Z\",\"spec_version\":\"1.0.34\",\"targets\":"
	    "{\"transport/a/b/%s.zst\":{\"hashes\":{\"sha256\":\"%s\"},"
	    "\"length\":3}},\"version\":1}}",
	    path_head, hex);
	auto_tuf struct tuf_file *f =
	    tuf_read(TUF_TARGETS, "transport", text, strlen(text), &tf.err);
	struct check c = { .findings = json_array() };
	size_t n;

	assert_non_null(f);
	check_role_rules(&c, "transport", f);
	n = json_array_size(c.findings);
	check_release(&c);
	return n;
}

static void
tuf_6_2_2_a_target_is_not_named_with_its_prefix(void **state)
{
	(void)state;
	assert_int_equal(role_findings("x"), 0);
	/* named by another's hash, as deltas are */
	assert_int_equal(role_findings("aa7816bf8f01cfea414140de5dae2223"
				       "b00361a396177a9cb410ff61f20015ad"),
	    0);
	assert_int_equal(role_findings("ba7816bf8f01cfea414140de5dae2223"
				       "b00361a396177a9cb410ff61f20015ad"),
	    1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finds_a_changed_byte_in_a_role),
		TEST(finds_a_missing_role),
		TEST(finds_a_missing_and_a_wrong_target),
		TEST(finds_an_expired_timestamp),
		TEST(finds_a_root_that_was_taken_away),
		TEST(a_key_in_two_roles_is_not_published),
		TEST(a_service_that_does_not_terminate_is_not_published),
		TEST(a_pattern_that_clients_read_differently_is_not_published),
		TEST(tuf_6_5_2_a_role_that_lives_too_long_is_not_published),
		TEST(tuf_6_5_4_a_stranger_is_told_of_roles_that_end_soon),
		cmocka_unit_test(
		    tuf_6_2_2_a_target_is_not_named_with_its_prefix),
		TEST(a_role_of_another_that_covers_an_image_is_not_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
