/* rooms: tuf-repo */
/* Each reason for which pruning leaves a file where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/own.h"
#include "tests/support/tuf_prune.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/place.h"
#include "web/schema.c"

/* Why a file stays; "" when it would go.  Lives until the next call. */
static const char *
reason(const char *path)
{
	static char text[256];
	struct prune p = { .dry = true };
	const char *why;

	TF_OK(prune_tree(&tf.repo, &p, &tf.err));
	why = json_string_value(json_object_get(p.kept, path));
	if (!why && !json_object_get(p.removed, path))
		fail_msg("%s is not in the tree", path);
	snprintf(text, sizeof(text), "%s", why ? why : "");
	prune_release(&p);
	return text;
}

static const char *
reason_of(const char *service, const struct hash *image)
{
	char hex[HASH_HEX];
	auto_free char *path = NULL;

	hash_hex(image, hex);
	path = mem_printf("targets/images/%s/amd64/%s.%s", service, hex, hex);
	return reason(path);
}

/* --- routers
 * -------------------------------------------------------------------
 */

static struct db *web;

static void
router_known(char letter)
{
	char hex[HASH_HEX];
	auto_free char *path = tf_path("web.db"), *sql = NULL;

	if (!web) {
		web = db_open(
		    path, web_migrations, web_migrations_count, &tf.err);
		assert_non_null(web);
		tf.repo.web = db_open_reader(path, &tf.err);
		assert_non_null(tf.repo.web);
	}
	memset(hex, letter, 64);
	hex[64] = '\0';
	sql = mem_printf(
	    "INSERT INTO router(id, key, first_at) VALUES ('%s', '%s', 1)", hex,
	    hex);
	TF_OK(db_exec(web, sql, &tf.err));
}

/* `image` NULL: no full report. */
static void
reports(char letter, int sequence, const char *set, const struct hash *image)
{
	char hex[HASH_HEX], of[HASH_HEX];
	auto_free char *sql = NULL, *service = NULL;

	memset(hex, letter, 64);
	hex[64] = '\0';
	if (image) {
		hash_hex(image, of);
		service = mem_printf(
		    "{\"service\":\"dns-dhcp\",\"image\":\"%s\"}", of);
	}
	sql = mem_printf(
	    "INSERT INTO report(router, sequence, received_at, state, body)"
	    " VALUES ('%s', %d, 1, 'committed', '{\"channel\":\"edge\","
	    "\"arch\":\"amd64\",\"set\":{\"counter\":1,\"sha256\":\"%s\"},"
	    "\"services\":[%s]}')",
	    hex, sequence, set, service ? service : "");
	TF_OK(db_exec(web, sql, &tf.err));
}

static char *
set_number(int counter)
{
	auto_free char *sql =
	    mem_printf("SELECT digest FROM \"set\" WHERE channel = 'edge'"
		       " AND counter = %d",
		counter);

	return mem_str(tf_text(tf.repo.db, sql));
}

/* Releases 1 to `n`, each in a set of its own. */
static void
many_sets(struct tf_release *r, int n)
{
	for (int i = 1; i <= n; i++) {
		r[i] = tf_release_number(i);
		TF_OK(tf_pass());
	}
}

static void
prune_keeps_what_routers_run_and_ran_before(void **state)
{
	struct tf_release r[26];
	auto_free char *second = NULL, *third = NULL;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	many_sets(r, 25);
	second = set_number(2);
	third = set_number(3);
	assert_string_equal(reason_of("dns-dhcp", &r[2].image), "");
	router_known('a');
	reports('a', 1, second, NULL);
	assert_string_equal(
	    reason_of("dns-dhcp", &r[2].image), "router aaaaaaaaaaaa runs it");
	assert_string_equal(reason_of("dns-dhcp", &r[3].image), "");
	/* it moves on, and may go back to what it ran, however often it has
	 * told of the new set since */
	reports('a', 2, third, NULL);
	reports('a', 3, third, NULL);
	assert_string_equal(
	    reason_of("dns-dhcp", &r[3].image), "router aaaaaaaaaaaa runs it");
	assert_string_equal(reason_of("dns-dhcp", &r[2].image),
	    "router aaaaaaaaaaaa ran it before");
	/* another tells of an image that its set does not name */
	router_known('b');
	reports('b', 1, third, &r[5].image);
	assert_string_equal(
	    reason_of("dns-dhcp", &r[5].image), "router bbbbbbbbbbbb runs it");
	assert_true(prune(false) > 0);
	assert_true(in_tree(&r[2].image) && in_tree(&r[3].image) &&
		    in_tree(&r[5].image));
	assert_false(in_tree(&r[4].image));
	assert_int_equal(tf_findings(), 0);
	db_close(web);
	web = NULL;
}

/* A set of another channel, as it stands on record. */
static void
old_set(int counter, const struct hash *image, const struct hash *kernel)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *sql = NULL;
	char x[HASH_HEX], k[HASH_HEX], hex[HASH_HEX];
	struct hash h;

	hash_hex(image, x);
	hash_hex(kernel, k);
	buf_printf(&text,
	    "{\"counter\":%d,\"kernel\":{\"initrd\":\"%s\",\"vmlinuz\":"
	    "\"%s\"},\"services\":[{\"image\":\"%s\"}]}",
	    counter, k, k, x);
	TF_OK(own_target_put(&tf.repo, &text, &h, &tf.err));
	hash_hex(&h, hex);
	sql = mem_printf(
	    "INSERT INTO \"set\"(channel, arch, counter, digest, made_at)"
	    " VALUES ('stable', 'amd64', %d, '%s', 1)",
	    counter, hex);
	TF_OK(db_exec(tf.repo.db, sql, &tf.err));
}

/* The newest and its three predecessors, with their kernel, whatever the
 * roles of the services list by now. */
static void
prune_keeps_what_the_last_four_sets_of_a_channel_name(void **state)
{
	struct tf_release r[26], kernel;

	(void)state;
	kernel = tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	for (int i = 2; i <= 10; i++) {
		auto_free char *text = mem_printf("another %d", i);

		tf_release("kernel", text + 8, text);
		TF_OK(tf_pass());
	}
	many_sets(r, 25);
	assert_string_equal(reason_of("kernel", &kernel.image), "");
	for (int i = 1; i <= 4; i++)
		old_set(i, &r[i].image, &kernel.image);
	for (int i = 1; i <= 4; i++) {
		auto_free char *why = mem_printf("of set stable/amd64 %d", i);

		assert_string_equal(reason_of("dns-dhcp", &r[i].image), why);
	}
	assert_non_null(
	    strstr(reason_of("kernel", &kernel.image), "of set stable"));
	/* a fifth: the first is no longer among the last four */
	old_set(5, &r[5].image, &kernel.image);
	assert_string_equal(reason_of("dns-dhcp", &r[1].image), "");
	assert_string_equal(
	    reason_of("dns-dhcp", &r[2].image), "of set stable/amd64 2");
}

static void
prune_keeps_what_is_signed_and_not_published(void **state)
{
	auto_free char *image = NULL, *role = NULL;
	char hex[HASH_HEX];
	bool complete;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	tf_release_number(1);
	TF_OK(tf_pass());
	auto_tuf struct tuf_file *f = NULL;
	TF_OK(role_load_newest(tf.repo.db, "svc-ntp", &f, &tf.err));
	auto_json json_t *part = json_deep_copy(f->signed_json);
	struct hash h = tf_put("not yet", 7);
	json_t *t = meta_entry(&h, 7, 0);
	hash_hex(&h, hex);
	image = mem_printf("images/ntp/amd64/%s", hex);
	json_object_set_new(json_object_get(part, "targets"), image, t);
	js_set_int(part, "version", f->version + 1);
	TF_OK(collect_propose(&tf.repo, "svc-ntp", part, &tf.err));
	TF_OK(collect_sign(
	    &tf.repo, "svc-ntp", f->version + 1, &complete, &tf.err));
	assert_true(complete);
	/* a publisher got so far: the target is in the tree, and the role */
	auto_json json_t *folders = json_object();
	TF_OK(place_targets(
	    &tf.repo, "svc-ntp", f->version + 1, folders, &tf.err));
	TF_OK(place_role(&tf.repo, "svc-ntp", f->version + 1, &tf.err));
	role =
	    mem_printf("metadata/%lld.svc-ntp.json", (long long)f->version + 1);
	assert_string_equal(reason(role), "the newest of its role");
	assert_non_null(strstr(reason_of("ntp", &h), "listed by svc-ntp"));
}

/* A form that is listed, the image that it starts from, one that was made
 * today, and one that nobody lists any more. */
static void
prune_keeps_forms_and_what_they_start_from(void **state)
{
	struct tf_release r[26];
	auto_free char *sql = NULL, *path = NULL, *delta = NULL;
	char x[HASH_HEX], y[HASH_HEX], hex[HASH_HEX];
	struct hash h;

	(void)state;
	tf_release("kernel", "6.1", "kernel one");
	many_sets(r, 25);
	assert_string_equal(reason_of("dns-dhcp", &r[2].image), "");
	/* from 2 to 25, as the transport child leaves it */
	hash_hex(&r[2].image, x);
	hash_hex(&r[25].image, y);
	hash_bytes(&h, "delta", 5);
	hash_hex(&h, hex);
	delta = mem_printf("transport/dns-dhcp/amd64/%s.%s.from.%s", hex, y, x);
	path = mem_printf("targets/%s", delta);
	close(dir_make_at(
	    tf.repo.targets, "transport/dns-dhcp/amd64", 0755, &tf.err));
	TF_OK(file_write_at(tf.repo.targets, delta, "delta", 5, 0644, &tf.err));
	sql = mem_printf(
	    "INSERT INTO transport(image, base, service, arch, at, sha256,"
	    " size, head_size, head_sha256) VALUES ('%s', '%s', 'dns-dhcp',"
	    " 'amd64', %lld, '%s', 5, 148, '%s')",
	    y, x, (long long)tf.repo.now, hex, hex);
	TF_OK(db_exec(tf.repo.db, sql, &tf.err));
	assert_string_equal(reason(path), "made today");
	assert_string_equal(
	    reason_of("dns-dhcp", &r[2].image), "a delta starts from it");
	/* listed: it stays when the day is over */
	TF_OK(tf_pass());
	tf.repo.now += 2 * DAY;
	TF_OK(tf_pass());
	assert_non_null(strstr(reason(path), "listed by transport"));
	assert_string_equal(
	    reason_of("dns-dhcp", &r[2].image), "a delta starts from it");
	assert_int_equal(tf_findings(), 0);
	/* its image is replaced again and again: the form goes, and with it
	 * what the base was kept for */
	for (int i = 30; i < 36; i++) {
		tf_release_number(i);
		TF_OK(tf_pass());
	}
	/* the file's own age is of this machine, not of the farm */
	tf.repo.now = time_now() + 2 * DAY;
	assert_string_equal(reason(path), "");
	assert_string_equal(reason_of("dns-dhcp", &r[2].image), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prune_keeps_what_routers_run_and_ran_before),
		TEST(prune_keeps_what_the_last_four_sets_of_a_channel_name),
		TEST(prune_keeps_what_is_signed_and_not_published),
		TEST(prune_keeps_forms_and_what_they_start_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
