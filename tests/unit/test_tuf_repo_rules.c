/* rooms: tuf-repo */
/* wrap: renameat linkat */
/* Checklist 6 (docs/tuf-checklist.md): what a repository of ours must keep,
 * and what a careless ceremony cannot get published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/spawn.h"
#include "tests/support/tuf_ceremony.h"

/* --- files as they get their names ------------------------------------- */

static char order[256][320];
static size_t norder;
static bool watching;

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int, const char *, int, const char *);
int __real_linkat(int, const char *, int, const char *, int);
int __wrap_linkat(int, const char *, int, const char *, int);

static void
note(int dirfd, const char *name)
{
	char self[40], dir[256];
	ssize_t n;

	if (!watching || norder == ARRAY_LEN(order))
		return;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", dirfd);
	n = readlink(self, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = '\0';
	if (strstr(dir, "/tuf/") && strncmp(name, ".tmp-", 5) != 0)
		snprintf(order[norder++], sizeof(order[0]), "%s/%s",
		    strstr(dir, "/tuf/") + 5, name);
}

int
__wrap_renameat(int from, const char *a, int to, const char *b)
{
	note(to, b);
	return __real_renameat(from, a, to, b);
}

int
__wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	note(to, b);
	return __real_linkat(from, a, to, b, flags);
}

/* --- 6.1 and 6.2: root -------------------------------------------------- */

static const char *const root_key[] = { "root-1" };

static void
tuf_6_1_1_every_root_stays(void **state)
{
	auto_json json_t *part = NULL;

	(void)state;
	first_tree();
	part = next_of("root");
	TF_OK(give("root", part, root_key, 1));
	tf_release("dns-dhcp", "2", "image two");
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_true(file_exists_at(tf.repo.metadata, "1.root.json"));
	assert_true(file_exists_at(tf.repo.metadata, "2.root.json"));
	assert_int_equal(unlinkat(tf.repo.metadata, "1.root.json", 0), 0);
	assert_int_not_equal(tf_findings(), 0);
}

static void
tuf_6_1_2_a_root_is_signed_by_the_old_and_the_new_threshold(void **state)
{
	static const char *const both[] = { "root-1", "next-1" };
	auto_json json_t *part = NULL;
	struct sig_public next;
	json_t *keys, *r;

	(void)state;
	first_tree();
	TF_OK(key_make(
	    tf.offline, "next-1", NULL, (uid_t)-1, (gid_t)-1, &next, &tf.err));
	part = next_of("root");
	keys = json_object_get(part, "keys");
	r = json_object_get(json_object_get(part, "roles"), "root");
	{
		auto_json json_t *signers = meta_keyids(&next, 1, 1, keys);

		json_object_update(r, signers);
	}
	assert_int_equal(give("root", part, both, 1), -1);
	said("0 of 1");
	assert_int_equal(give("root", part, both + 1, 1), -1);
	said("by the root before it");
	TF_OK(give("root", part, both, 2));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
}

static void
tuf_6_2_1_snapshots_are_consistent(void **state)
{
	auto_json json_t *part = NULL;

	(void)state;
	first_tree();
	part = next_of("root");
	js_set_bool(part, "consistent_snapshot", false);
	TF_OK(give("root", part, root_key, 1));
	tf_release("dns-dhcp", "2", "image two");
	assert_int_equal(tf_pass(), -1);
	said("consistent_snapshot");
}

/* --- 6.3: what is written, and when ------------------------------------ */

/* 0 targets, 1 delegated roles, 2 targets.json, 3 snapshot, 4 the first root,
 * 5 timestamp */
static int
rank(const char *path)
{
	if (strncmp(path, "targets/", 8) == 0)
		return 0;
	if (strcmp(path, "metadata/timestamp.json") == 0)
		return 5;
	if (strstr(path, ".root.json"))
		return 4;
	if (strstr(path, ".snapshot.json"))
		return 3;
	return strstr(path, ".targets.json") ? 2 : 1;
}

static void
tuf_6_3_1_files_come_first_and_the_timestamp_last(void **state)
{
	bool seen[6] = { false };
	int last = 0;

	(void)state;
	norder = 0;
	watching = true;
	first_tree();
	watching = false;
	for (size_t i = 0; i < norder; i++) {
		int r = rank(order[i]);

		if (r < last)
			fail_msg("%s after %s", order[i], order[i - 1]);
		last = r;
		seen[r] = true;
	}
	for (int i = 0; i < 6; i++)
		assert_true(seen[i]);
	assert_string_equal(order[norder - 1], "metadata/timestamp.json");
}

static void
tuf_6_3_2_no_published_name_is_written_twice(void **state)
{
	(void)state;
	norder = 0;
	watching = true;
	first_tree();
	for (int i = 2; i < 6; i++) {
		char text[24];

		snprintf(text, sizeof(text), "image %d", i);
		tf_release("dns-dhcp", text, text);
		TF_OK(tf_pass());
	}
	watching = false;
	for (size_t i = 0; i < norder; i++)
		for (size_t k = 0; k < i && rank(order[i]) != 5; k++)
			assert_string_not_equal(order[i], order[k]);
}

/* --- 6.5: expiry -------------------------------------------------------- */

static const char *
role_of_rule(const struct rule *rule)
{
	return strcmp(rule->role, "svc-") == 0 ? "svc-dns-dhcp" : rule->role;
}

static void
tuf_6_5_3_each_online_role_is_signed_again_in_time(void **state)
{
	struct tuf_file *was[16] = { NULL };

	(void)state;
	first_tree();
	for (size_t i = 0; i < rules_count; i++)
		if (rules[i].online)
			TF_OK(role_load_newest(tf.repo.db,
			    role_of_rule(&rules[i]), &was[i], &tf.err));
	for (size_t i = 0; i < rules_count; i++) {
		auto_tuf struct tuf_file *is = NULL;
		int64_t due;

		if (!rules[i].online)
			continue;
		due = was[i]->expires - rules[i].renew;
		if (tf.repo.now < due)
			tf.repo.now = due;
		TF_OK(tf_pass());
		assert_int_equal(tf_findings(), 0);
		TF_OK(role_load_newest(
		    tf.repo.db, role_of_rule(&rules[i]), &is, &tf.err));
		assert_true(is->version > was[i]->version);
		assert_true(is->expires > was[i]->expires);
		tuf_file_free(was[i]);
	}
}

static void
tuf_6_5_4_status_says_which_role_is_due(void **state)
{
	char program[4096];
	const char *argv[] = { program, "status", "--state", scratch.path,
		"--json", NULL };
	struct spawn sp = SPAWN_INIT;
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 32);
	auto_buf struct buf out = BUF_INIT;
	auto_json json_t *all = NULL;
	size_t due = 0;
	json_t *roles;

	(void)state;
	for (size_t i = 0; i < rules_count; i++) {
		assert_true(rules[i].renew >= 6 * DAY);
		assert_true(rules[i].renew < rules[i].lifetime);
	}
	first_tree(); /* 400 days ago */
	assert_true(n > 0);
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	strcpy(strrchr(program, '/'), "/kiln-tuf");
	sp.argv = argv;
	TF_OK(spawn_capture(&sp, 60000, 1 << 20, &out, NULL, &tf.err));
	all = js_parse("status", out.data, out.len, &tf.err);
	assert_non_null(all);
	roles = json_object_get(all, "roles");
	for (size_t i = 0; i < json_array_size(roles); i++) {
		json_t *o = json_array_get(roles, i);
		bool root =
		    strcmp(json_string_value(json_object_get(o, "role")),
			"root") == 0;

		due += json_is_true(json_object_get(o, "due"));
		assert_int_equal(
		    json_is_true(json_object_get(o, "due")), !root);
	}
	assert_true(due >= 8);
}

/* --- 6.6: keys ---------------------------------------------------------- */

static int
setup_quorum(void **state)
{
	return tf_setup_with(state, false);
}

static bool
key_is_online(const struct tuf_key *k)
{
	for (size_t i = 0; i < rules_count; i++) {
		struct sig_public pub;
		struct err why = ERR_INIT;

		if (key_public(tf.online, rules[i].key, &pub, &why) == 0 &&
		    memcmp(pub.b, k->pub.b, sizeof(pub.b)) == 0)
			return true;
	}
	return false;
}

static void
tuf_6_6_1_keys_of_root_targets_and_release_are_not_online(void **state)
{
	auto_tuf struct tuf_file *root = NULL, *targets = NULL;
	size_t looked = 0;

	(void)state;
	TF_OK(role_load_newest(tf.repo.db, "root", &root, &tf.err));
	TF_OK(role_load_newest(tf.repo.db, "targets", &targets, &tf.err));
	for (size_t i = 0; i < rules_count; i++) {
		const struct tuf_file *by = rules[i].top ? root : targets;
		const struct tuf_role *r =
		    strcmp(rules[i].role, "svc-") == 0
			? tuf_role_find(by, "svc-ntp")
			: tuf_role_find(by, rules[i].role);

		assert_non_null(r);
		for (size_t k = 0; k < r->nkeyids; k++, looked++)
			assert_int_equal(
			    key_is_online(tuf_key_find(by, r->keyids[k])),
			    rules[i].online);
	}
	assert_true(looked >= rules_count);
}

static void
tuf_6_6_2_root_and_targets_need_two_keys(void **state)
{
	static const char *const one[] = { "root-1" };
	auto_tuf struct tuf_file *root = NULL;
	auto_json json_t *part = NULL;

	(void)state;
	TF_OK(role_load_newest(tf.repo.db, "root", &root, &tf.err));
	assert_true(tuf_role_find(root, "root")->threshold >= 2);
	assert_true(tuf_role_find(root, "targets")->threshold >= 2);
	part = next_of("root");
	assert_int_equal(give("root", part, one, 1), -1);
	said("1 of 2");
}

static void
tuf_6_6_3_a_key_of_two_roles_is_refused(void **state)
{
	auto_json json_t *part = NULL;

	(void)state;
	first_tree();
	part = next_of("targets");
	json_object_set(delegation(part, "brake"), "keyids",
	    json_object_get(delegation(part, "transport"), "keyids"));
	targets_refused(part, "in common");
}

/* --- 6.7: delegations --------------------------------------------------- */

static void
tuf_6_7_1_role_names_are_unique_and_never_top_level(void **state)
{
	auto_json json_t *twice = NULL, *top = NULL;

	(void)state;
	first_tree();
	twice = next_of("targets");
	js_set_str(delegation(twice, "brake"), "name", "transport");
	targets_refused(twice, "delegated twice");
	top = next_of("targets");
	js_set_str(delegation(top, "brake"), "name", "snapshot");
	targets_refused(top, "named \"snapshot\"");
}

static void
tuf_6_7_2_paths_or_hash_prefixes_but_not_both(void **state)
{
	auto_json json_t *part = NULL;
	json_t *d;

	(void)state;
	first_tree();
	part = next_of("targets");
	d = delegation(part, "svc-ntp");
	js_set(d, "path_hash_prefixes", json_pack("[s]", "00"));
	targets_refused(part, "exactly one");
	json_object_del(d, "path_hash_prefixes");
	json_object_del(d, "paths");
	targets_refused(part, "exactly one");
}

static void
tuf_6_7_3_terminating_is_always_said(void **state)
{
	auto_json json_t *part = NULL;

	(void)state;
	first_tree();
	part = next_of("targets");
	json_object_del(delegation(part, "sets-edge"), "terminating");
	targets_refused(part, "terminating");
}

static void
tuf_6_7_4_patterns_are_spelled_out_per_depth(void **state)
{
	auto_json json_t *part = NULL;

	(void)state;
	first_tree();
	/* `*` does not cross a slash: too few of them cover no image */
	part = next_of("targets");
	json_array_set_new(
	    json_object_get(delegation(part, "svc-dns-dhcp"), "paths"), 0,
	    json_string("images/dns-dhcp/*"));
	targets_refused(part, "no client finds it");
	pattern_refused("transport/**");
}

/* --- 6.8: revocation ---------------------------------------------------- */

static void
tuf_6_8_1_no_role_may_fall_under_its_threshold(void **state)
{
	auto_json json_t *part = NULL;
	struct sig_public next;
	json_t *keys;

	(void)state;
	first_tree();
	TF_OK(key_make(
	    tf.offline, "other", NULL, (uid_t)-1, (gid_t)-1, &next, &tf.err));
	part = next_of("targets");
	keys = json_object_get(json_object_get(part, "delegations"), "keys");
	{
		auto_json json_t *signers = meta_keyids(&next, 1, 1, keys);

		json_object_update(delegation(part, "sets-stable"), signers);
	}
	targets_refused(part, "sets-stable");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)
#define QUORUM(f) cmocka_unit_test_setup_teardown(f, setup_quorum, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tuf_6_1_1_every_root_stays),
		TEST(
		    tuf_6_1_2_a_root_is_signed_by_the_old_and_the_new_threshold),
		TEST(tuf_6_2_1_snapshots_are_consistent),
		TEST(tuf_6_3_1_files_come_first_and_the_timestamp_last),
		TEST(tuf_6_3_2_no_published_name_is_written_twice),
		TEST(tuf_6_5_3_each_online_role_is_signed_again_in_time),
		TEST(tuf_6_5_4_status_says_which_role_is_due),
		QUORUM(
		    tuf_6_6_1_keys_of_root_targets_and_release_are_not_online),
		QUORUM(tuf_6_6_2_root_and_targets_need_two_keys),
		TEST(tuf_6_6_3_a_key_of_two_roles_is_refused),
		TEST(tuf_6_7_1_role_names_are_unique_and_never_top_level),
		TEST(tuf_6_7_2_paths_or_hash_prefixes_but_not_both),
		TEST(tuf_6_7_3_terminating_is_always_said),
		TEST(tuf_6_7_4_patterns_are_spelled_out_per_depth),
		TEST(tuf_6_8_1_no_role_may_fall_under_its_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
