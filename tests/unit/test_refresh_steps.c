/* rooms: tests/support/tuf */
/* wrap: renameat linkat fsync unlinkat */
/* Each step of a run: its limits, and when it writes what it accepted. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/death.h"
#include "tests/support/tuf/refresh_place.h"

/* Refused: what is stored stays.  Good: stored, byte for byte. */
static void
stored_once_accepted(struct place *p, json_t *j, const char *name,
    const char *url_name, const char *word)
{
	auto_buf struct buf was = BUF_INIT, is = BUF_INIT, sent = BUF_INIT;

	stored(p, name, &was);
	js_set_str(j, "expires", "2020-01-01T00:00:00Z");
	put(p, url_name, j);
	assert_int_equal(run(p), -1);
	assert_int_equal(p->err.cls, ERR_TRUST);
	assert_non_null(strstr(p->err.msg, word));
	stored(p, name, &is);
	assert_string_equal(was.data, is.data);
	js_set_str(j, "expires", TUFMAKE_EXPIRES);
	put(p, url_name, j);
	assert_int_equal(run(p), 0);
	stored(p, name, &is);
	tufmake_sign(j, &p->key, 1, &sent);
	assert_string_equal(is.data, sent.data);
}

static void
tuf_5_4_5_timestamp_is_stored_once_accepted(void **state)
{
	struct place *p = *state;

	stored_once_accepted(
	    p, p->timestamp, "timestamp.json", "timestamp.json", "freeze");
	js_set_int(p->timestamp, "version", 2);
	stored_once_accepted(
	    p, p->timestamp, "timestamp.json", "timestamp.json", "freeze");
}

/* The next version of targets, and the two files that lead to it. */
static void
next_versions(struct place *p, int64_t version)
{
	auto_free char *sn =
	    mem_printf("%lld.snapshot.json", (long long)version);
	auto_free char *tg =
	    mem_printf("%lld.targets.json", (long long)version);

	js_set_int(p->targets, "version", version);
	json_decref(p->snapshot);
	p->snapshot = tufmake_snapshot(version);
	tufmake_snapshot_add(p->snapshot, "targets", version, NULL);
	json_decref(p->timestamp);
	p->timestamp = tufmake_timestamp(version, version, NULL);
	put(p, "timestamp.json", p->timestamp);
	put(p, sn, p->snapshot);
	put(p, tg, p->targets);
}

static void
tuf_5_5_7_snapshot_is_stored_once_accepted(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	next_versions(p, 2);
	stored_once_accepted(
	    p, p->snapshot, "snapshot.json", "2.snapshot.json", "freeze");
}

static void
tuf_5_6_6_targets_are_stored_once_accepted(void **state)
{
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	next_versions(p, 2);
	stored_once_accepted(
	    p, p->targets, "targets.json", "2.targets.json", "freeze");
}

static void
tuf_5_3_8_each_root_is_stored_before_the_next_step(void **state)
{
	struct place *p = *state;
	auto_buf struct buf b = BUF_INIT;

	/* 3.root.json is not signed, so the run ends there. */
	js_set_int(p->root, "version", 2);
	put(p, "2.root.json", p->root);
	js_set_int(p->root, "version", 4);
	put(p, "3.root.json", p->root);
	assert_int_equal(run(p), -1);
	asked(p, "2.root.json+0 3.root.json+0 ");
	stored(p, "root.json", &b);
	assert_non_null(strstr(b.data, "\"version\":2"));
	assert_int_equal(run(p), -1);
	asked(p, "3.root.json+0 ");
}

static void
tuf_5_3_2_one_run_walks_a_limited_number_of_roots(void **state)
{
	struct place *p = *state;

	for (int64_t v = 2; v <= TUF_ROOTS_MAX + 4; v++) {
		auto_free char *name =
		    mem_printf("%lld.root.json", (long long)v);

		js_set_int(p->root, "version", v);
		put(p, name, p->root);
	}
	assert_int_equal(run(p), 0);
	assert_int_equal(
	    tuf_root(refresh_trust(p->r))->version, TUF_ROOTS_MAX + 1);
	assert_int_equal(run(p), 0);
	assert_int_equal(
	    tuf_root(refresh_trust(p->r))->version, TUF_ROOTS_MAX + 4);
}

/* A good file with blanks behind it: only its size is wrong. */
static void
put_long(struct place *p, const char *name, const json_t *j, size_t n)
{
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(j, &p->key, 1, &b);
	while (b.len < n)
		buf_char(&b, ' ');
	assert_int_equal(
	    file_write_at(p->repo, name, b.data, b.len, 0644, &p->err), 0);
}

static void
too_long(struct place *p)
{
	assert_int_equal(run(p), -1);
	if (!strstr(p->err.msg, "more than"))
		fail_msg("%s", p->err.msg);
}

static void
tuf_5_3_3_a_root_is_fetched_up_to_a_limit(void **state)
{
	struct place *p = *state;

	js_set_int(p->root, "version", 2);
	put_long(p, "2.root.json", p->root, TUF_ROOT_MAX + 1);
	too_long(p);
	put_long(p, "2.root.json", p->root, TUF_ROOT_MAX);
	assert_int_equal(run(p), 0);
}

static void
tuf_5_4_1_a_timestamp_is_fetched_up_to_a_limit(void **state)
{
	struct place *p = *state;

	put_long(p, "timestamp.json", p->timestamp, TUF_TIMESTAMP_MAX + 1);
	too_long(p);
	put_long(p, "timestamp.json", p->timestamp, TUF_TIMESTAMP_MAX);
	assert_int_equal(run(p), 0);
}

static void
tuf_5_5_1_a_snapshot_is_fetched_up_to_its_listed_length(void **state)
{
	struct place *p = *state;
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(p->snapshot, &p->key, 1, &b);
	json_decref(p->timestamp);
	p->timestamp = tufmake_timestamp(1, 1, &b);
	put(p, "timestamp.json", p->timestamp);
	put_long(p, "1.snapshot.json", p->snapshot, b.len + 1);
	too_long(p);
	put_long(p, "1.snapshot.json", p->snapshot, b.len);
	assert_int_equal(run(p), 0);
}

static void
tuf_5_6_2_targets_are_fetched_up_to_their_listed_length(void **state)
{
	struct place *p = *state;
	auto_buf struct buf b = BUF_INIT;

	tufmake_sign(p->targets, &p->key, 1, &b);
	tufmake_snapshot_add(p->snapshot, "targets", 1, &b);
	put(p, "1.snapshot.json", p->snapshot);
	put_long(p, "1.targets.json", p->targets, b.len + 1);
	too_long(p);
	put_long(p, "1.targets.json", p->targets, b.len);
	assert_int_equal(run(p), 0);
}

static void
tuf_5_7_1_a_target_is_fetched_up_to_its_listed_length(void **state)
{
	struct place *p = *state;
	char name[HASH_HEX + 2], hex[HASH_HEX];
	struct hash h;

	hash_bytes(&h, "twenty bytes of text", 20);
	hash_hex(&h, hex);
	snprintf(name, sizeof(name), "%s.t", hex);
	assert_int_equal(file_write_at(p->repo, name, "twenty bytes of text!",
			     21, 0644, &p->err),
	    0);
	assert_int_equal(run(p), 0);
	assert_int_equal(get_target(p), -1);
	assert_non_null(strstr(p->err.msg, "more than"));
	assert_int_equal(file_length(p), 0);
}

static void
tuf_5_3_12_names_have_versions_only_with_consistent_snapshots(void **state)
{
	struct place *p = *state;

	js_set_bool(p->root, "consistent_snapshot", false);
	js_set_int(p->root, "version", 2);
	put(p, "2.root.json", p->root);
	put(p, "snapshot.json", p->snapshot);
	put(p, "targets.json", p->targets);
	assert_int_equal(run(p), 0);
	asked(p, "2.root.json+0 3.root.json+0 timestamp.json+0"
		 " snapshot.json+0 targets.json+0 ");
}

static void
tuf_5_9_2_damaged_files_are_fetched_again(void **state)
{
	static const char *const names[] = { "timestamp.json", "snapshot.json",
		"targets.json" };
	static const char *const bad[] = { "", "{", "null", "[]",
		"{\"signed\":{},\"signatures\":[]}" };
	struct place *p = *state;

	assert_int_equal(run(p), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_buf struct buf was = BUF_INIT, is = BUF_INIT;

		stored(p, names[i], &was);
		for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
			assert_int_equal(
			    file_write_at(p->client, names[i], bad[k],
				strlen(bad[k]), 0644, &p->err),
			    0);
			assert_int_equal(run(p), 0);
			stored(p, names[i], &is);
			assert_string_equal(was.data, is.data);
		}
	}
}

static void
tuf_5_6_8_stored_targets_are_judged_as_fetched_ones(void **state)
{
	struct place *p = *state;
	struct tufmake_key other;
	auto_buf struct buf b = BUF_INIT;

	assert_int_equal(run(p), 0);
	tufmake_key(&other, 5);
	tufmake_target(p->targets, "t", "an evil target, cached");
	tufmake_sign(p->targets, &other, 1, &b);
	assert_int_equal(file_write_at(p->client, "targets.json", b.data, b.len,
			     0644, &p->err),
	    0);
	asked(p, FIRST);
	assert_int_equal(run(p), 0);
	asked(p, "2.root.json+0 timestamp.json+0 1.targets.json+0 ");
	assert_int_equal(get_target(p), 0);
	assert_int_equal(file_length(p), 20);
}

/* --- a client killed before any call that makes a file last -------------- */

struct run {
	struct place *p;
	const char *exe;
};

/* With a fetcher of its own. */
static int
run_once(void *arg)
{
	struct run *r = arg;
	struct err err = ERR_INIT;

	mortal = false;
	r->p->f = fetcher_start(r->exe, "files", &err);
	mortal = true;
	return r->p->f && run(r->p) == 0 ? 0 : 1;
}

static void
next_root(struct place *p, int64_t version)
{
	auto_free char *name = mem_printf("%lld.root.json", (long long)version);

	js_set_int(p->root, "version", version);
	put(p, name, p->root);
}

static void
all_are_metadata(struct place *p)
{
	static const char *const names[] = { "root.json", "timestamp.json",
		"snapshot.json", "targets.json" };

	for (int i = 0; i < 4; i++) {
		auto_buf struct buf b = BUF_INIT;
		auto_tuf struct tuf_file *f = NULL;

		stored(p, names[i], &b);
		if (b.len == 0 && i > 0)
			continue;
		f = tuf_read(
		    (enum tuf_type)i, names[i], b.data, b.len, &p->err);
		if (!f)
			fail_msg("%s", p->err.msg);
	}
}

static void
tuf_5_9_1_a_client_killed_at_any_call_leaves_whole_files(void **state)
{
	struct place *p = *state;
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int64_t version = 1;
	struct run r = { p, exe };
	int at, status = KILLED;

	assert_true(n > 0);
	exe[n] = '\0';
	next_root(p, 2);
	for (at = 1; status == KILLED; at++) {
		status = die_at(at, run_once, &r);
		assert_true(status == 0 || status == KILLED);
		all_are_metadata(p);
		assert_int_equal(run(p), 0);
		next_versions(p, ++version);
		next_root(p, version + 1);
	}
	print_message("# killed before each of %d calls\n", at - 2);
	/* four files: each is synced, renamed, its folder synced */
	assert_true(at - 2 >= 12);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(tuf_5_4_5_timestamp_is_stored_once_accepted),
		T(tuf_5_5_7_snapshot_is_stored_once_accepted),
		T(tuf_5_6_6_targets_are_stored_once_accepted),
		T(tuf_5_3_8_each_root_is_stored_before_the_next_step),
		T(tuf_5_3_2_one_run_walks_a_limited_number_of_roots),
		T(tuf_5_3_3_a_root_is_fetched_up_to_a_limit),
		T(tuf_5_4_1_a_timestamp_is_fetched_up_to_a_limit),
		T(tuf_5_5_1_a_snapshot_is_fetched_up_to_its_listed_length),
		T(tuf_5_6_2_targets_are_fetched_up_to_their_listed_length),
		T(tuf_5_7_1_a_target_is_fetched_up_to_its_listed_length),
		T(tuf_5_3_12_names_have_versions_only_with_consistent_snapshots),
		T(tuf_5_9_2_damaged_files_are_fetched_again),
		T(tuf_5_6_8_stored_targets_are_judged_as_fetched_ones),
		T(tuf_5_9_1_a_client_killed_at_any_call_leaves_whole_files),
	};

	if (argc == 2 && strcmp(argv[1], "files") == 0)
		return file_server();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
