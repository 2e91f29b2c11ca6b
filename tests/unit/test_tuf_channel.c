/* rooms: tuf-repo */
/* Promoting, stopping and resuming: what starts needs the release key, what
 * stops does not, and no set names what does not stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/tuf_farm.h"
#include "tuf-repo/asked.h"
#include "tuf-repo/brake.h"
#include "tuf-repo/metadata.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/promote.h"
#include "tuf-repo/release_key.h"
#include "tuf-repo/setrules.h"
#include "tuf-repo/waves.h"
#include "web/schema.c"

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

/* --- promoting ----------------------------------------------------------- */

static int
draft(const struct promotion *p, struct buf *part, struct err *err)
{
	struct buf root = BUF_INIT, shown = BUF_INIT;
	int rc;

	TF_OK(file_read_at(
	    tf.offline, "root.json", TUF_ROOT_MAX, &root, &tf.err));
	rc = promote_draft(&tf.repo, p, &root, 1, part, &shown, err);
	if (rc == 0)
		print_message("# %s", shown.data);
	buf_release(&root);
	buf_release(&shown);
	return rc;
}

static int
promote(const struct promotion *p, struct err *err)
{
	struct buf part = BUF_INIT, file = BUF_INIT;
	int rc = draft(p, &part, err);

	err_clear(&tf.err);
	if (rc == 0)
		rc = release_sign(tf.offline, NULL, &part, &file, err);
	if (rc == 0)
		rc = promote_accept(&tf.repo, &file, err);
	buf_release(&part);
	buf_release(&file);
	return rc;
}

static const char stable_sets[] =
    "SELECT count(*) FROM published_set WHERE channel = 'stable'";

static void
promote_offers_the_edge_set_to_stable_routers(void **state)
{
	struct promotion p = { .from = "edge", .notes = "first" };

	(void)state;
	p.waves = waves_parse("0:10,24:100", &tf.err);
	p.window = window_parse("02:00-05:00", &tf.err);
	assert_non_null(p.waves);
	assert_non_null(p.window);
	TF_OK(promote(&p, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(tf_int(tf.repo.db, stable_sets), 1);
	assert_non_null(strstr(
	    tf_text(tf.repo.db, "SELECT bytes FROM own_target t JOIN \"set\" s"
				" ON s.digest = t.digest"
				" WHERE s.channel = 'stable'"),
	    "\"waves\":[{\"after_h\":0,\"percent\":10},{\"after_h\":24,"
	    "\"percent\":100}],\"window\":{\"from\":\"02:00\""));
	/* again, from itself, with other waves: the counter grows */
	json_decref(p.waves);
	json_decref(p.window);
	p = (struct promotion){ .from = "stable" };
	TF_OK(promote(&p, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT max(counter) FROM published_set"
			       " WHERE channel = 'stable'"),
	    2);
}

static void
promote_refuses_a_counter_that_is_not_the_published_one(void **state)
{
	struct promotion p = { .from = "edge", .counter = 2 };
	struct buf part = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(draft(&p, &part, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_non_null(strstr(err.msg, "is 1, not 2"));
	buf_release(&part);
}

static void
promote_refuses_a_tree_that_is_not_good(void **state)
{
	struct promotion p = { .from = "edge" };
	struct buf part = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    unlinkat(tf.repo.metadata, "2.svc-dns-dhcp.json", 0), 0);
	assert_int_equal(draft(&p, &part, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	buf_release(&part);
}

static void
a_draft_signed_by_another_key_is_refused(void **state)
{
	struct promotion p = { .from = "edge" };
	struct buf part = BUF_INIT, file = BUF_INIT;
	struct meta_signature sig;
	struct sig_seed seed;
	struct err err = ERR_INIT;

	(void)state;
	TF_OK(draft(&p, &part, &tf.err));
	sig_keypair(&seed, &sig.key);
	sig_sign(&seed, part.data, part.len, &sig.sig);
	TF_OK(meta_file(part.data, part.len, &sig, 1, &file, &tf.err));
	assert_int_equal(promote_accept(&tf.repo, &file, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, stable_sets), 0);
	buf_release(&part);
	buf_release(&file);
}

/* The release key signs a set of the test's own making. */
static int
sign_set(json_t *set, struct err *err)
{
	struct buf bytes = BUF_INIT, part = BUF_INIT, file = BUF_INIT;
	json_t *o = meta_signed("sets-stable", 2,
		   rule_expiry(rule_of("sets-stable"), tf.repo.now)),
	       *targets = json_object();
	struct hash h;
	int rc;

	TF_OK(canon_json(set, &bytes, &tf.err));
	TF_OK(own_target_put(&tf.repo, &bytes, &h, &tf.err));
	js_set(targets, "sets/stable/amd64.json",
	    meta_entry(&h, (int64_t)bytes.len, 0));
	js_set(o, "targets", targets);
	TF_OK(canon_json(o, &part, &tf.err));
	TF_OK(release_sign(tf.offline, NULL, &part, &file, &tf.err));
	rc = promote_accept(&tf.repo, &file, err);
	json_decref(o);
	buf_release(&bytes);
	buf_release(&part);
	buf_release(&file);
	return rc;
}

static json_t *
edge_set(void)
{
	const char *text = tf_text(tf.repo.db,
	    "SELECT t.bytes FROM published_set s JOIN own_target t"
	    " ON t.digest = s.digest ORDER BY s.counter DESC LIMIT 1");
	json_t *set = js_parse("set", text, strlen(text), &tf.err);

	js_set_str(set, "channel", "stable");
	return set;
}

static void
assert_set_refused(json_t *set, const char *words)
{
	struct err err = ERR_INIT;

	assert_int_equal(sign_set(set, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, words));
	json_decref(set);
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, stable_sets), 0);
	assert_int_equal(tf_findings(), 0);
}

static void
a_set_with_an_unreproduced_image_is_refused_though_signed(void **state)
{
	json_t *set = edge_set();
	struct hash h;

	(void)state;
	hash_bytes(&h, "evil", 4);
	js_set_hash(
	    json_array_get(json_object_get(set, "services"), 0), "image", &h);
	assert_set_refused(set, "does not list it");
}

static void
a_set_with_another_services_image_is_refused_though_signed(void **state)
{
	struct tf_release ntp = tf_release("ntp", "1", "image ntp");
	json_t *set;

	(void)state;
	TF_OK(tf_pass());
	set = edge_set();
	js_set_hash(json_array_get(json_object_get(set, "services"), 0),
	    "image", &ntp.image);
	assert_set_refused(set, "images/dns-dhcp/amd64/");
}

static void
withdraw(const char *min)
{
	char *sql =
	    mem_printf("INSERT INTO withdrawal(service, min_serial, at, reason)"
		       " VALUES ('dns-dhcp', %s, 1, 'test')",
		min);

	TF_OK(db_exec(tf.repo.db, sql, &tf.err));
	free(sql);
}

static void
a_set_with_a_withdrawn_image_is_refused_though_signed(void **state)
{
	json_t *set = edge_set();

	(void)state;
	withdraw("3"); /* the role says so only after the next pass */
	assert_set_refused(set, "withdrawn");
}

static void
a_withdrawal_is_published_though_a_stable_set_names_the_image(void **state)
{
	struct promotion p = { .from = "edge" };
	struct tf_release two;

	(void)state;
	TF_OK(promote(&p, &tf.err));
	TF_OK(tf_pass());
	withdraw("3");
	TF_OK(tf_pass());
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM role WHERE name ="
			       " 'svc-dns-dhcp' AND version = 3"
			       " AND published_at IS NOT NULL"),
	    1);
	/* a stranger sees a set that no router takes */
	assert_int_equal(tf_findings(), 1);
	two = tf_release("dns-dhcp", "2", "image two");
	TF_OK(tf_pass());
	TF_OK(promote(&p, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	(void)two;
}

/* --- stopping ------------------------------------------------------------ */

static void
halt(const char *channel, int64_t counter, const char *reason)
{
	struct brake_order o = { .channel = channel,
		.counter = counter,
		.reason = reason,
		.by = "test" };
	size_t n;

	TF_OK(brake_order(&tf.repo, &o, &n, &tf.err));
	assert_int_equal(n, 1);
}

static size_t
brakes(void)
{
	auto_tuf struct tuf_file *f = NULL;

	TF_OK(role_load_newest(tf.repo.db, "brake", &f, &tf.err));
	return f ? f->ntargets : 0;
}

static void
a_brake_is_published_and_ends_by_itself(void **state)
{
	(void)state;
	halt("edge", 0, "probe failures");
	TF_OK(tf_pass());
	assert_int_equal(brakes(), 1);
	assert_int_equal(tf_findings(), 0);
	assert_non_null(strstr(
	    tf_text(tf.repo.db, "SELECT bytes FROM own_target t JOIN brake b"
				" ON b.digest = t.digest"),
	    "\"counter\":1,\"kind\":\"kiln/brake\""));
	tf.repo.now = tf.start + 14 * 86400;
	TF_OK(tf_pass());
	assert_int_equal(brakes(), 0);
	assert_int_equal(tf_findings(), 0);
}

static void
a_brake_is_published_though_the_rest_of_the_pass_fails(void **state)
{
	(void)state;
	halt("edge", 1, "at once");
	/* whatever the pass looks at in farm.db is gone */
	TF_OK(db_exec(tf.farm, "ALTER TABLE release RENAME TO gone", &tf.err));
	if (tf_pass() == 0)
		print_message("# the pass did not fail\n");
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM role WHERE name = 'brake'"
			       " AND version = 2 AND published_at IS NOT NULL"),
	    1);
}

static void
no_brake_lasts_longer_than_14_days_in_all(void **state)
{
	struct brake_order o = {
		.channel = "edge", .reason = "again", .by = "test"
	};
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	halt("edge", 1, "first");
	tf.repo.now += 10 * 86400;
	halt("edge", 1, "second");
	assert_in_range(
	    tf_int(tf.repo.db, "SELECT until - first_at FROM brake"),
	    13 * 86400, 14 * 86400);
	tf.repo.now += 4 * 86400;
	assert_int_equal(brake_order(&tf.repo, &o, &n, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
}

static void
refuses_to_stop_what_is_not_published(void **state)
{
	struct brake_order o = {
		.channel = "stable", .reason = "x", .by = "test"
	};
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	assert_int_equal(brake_order(&tf.repo, &o, &n, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	o.channel = "edge";
	o.counter = 9;
	assert_int_equal(brake_order(&tf.repo, &o, &n, &err), -1);
	o.counter = 1;
	o.reason = "two\nlines";
	assert_int_equal(brake_order(&tf.repo, &o, &n, &err), -1);
}

static void
a_stopped_set_is_not_promoted(void **state)
{
	struct promotion p = { .from = "edge" };
	struct buf part = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	halt("edge", 0, "bad");
	TF_OK(tf_pass());
	assert_int_equal(draft(&p, &part, &err), -1);
	assert_non_null(strstr(err.msg, "is stopped"));
	buf_release(&part);
}

static void
resume_needs_the_release_key(void **state)
{
	struct buf part = BUF_INIT, file = BUF_INIT, forged = BUF_INIT;
	struct meta_signature sig;
	struct sig_seed seed;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(resume_draft(&tf.repo, "edge", NULL, &part, &err), -1);
	halt("edge", 0, "bad");
	TF_OK(tf_pass());
	TF_OK(resume_draft(&tf.repo, "edge", NULL, &part, &tf.err));
	sig_keypair(&seed, &sig.key);
	sig_sign(&seed, part.data, part.len, &sig.sig);
	TF_OK(meta_file(part.data, part.len, &sig, 1, &forged, &tf.err));
	err_clear(&err);
	assert_int_equal(
	    resume_accept(&tf.repo, forged.data, forged.len, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_int_equal(brakes(), 1);
	TF_OK(release_sign(tf.offline, NULL, &part, &file, &tf.err));
	TF_OK(resume_accept(&tf.repo, file.data, file.len, &tf.err));
	TF_OK(tf_pass());
	assert_int_equal(brakes(), 0);
	assert_int_equal(tf_findings(), 0);
	/* an old statement lifts nothing new */
	tf.repo.now += 2 * 86400;
	err_clear(&err);
	assert_int_equal(
	    resume_accept(&tf.repo, file.data, file.len, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	buf_release(&part);
	buf_release(&file);
	buf_release(&forged);
}

/* --- asked on the page ---------------------------------------------------- */

static struct db *web;

static void
ask(const char *kind, const char *argument)
{
	static const char sql[] = "INSERT INTO request(at, kind, argument, by)"
				  " VALUES (1, ?1, ?2, 'ada')";
	auto_stmt struct stmt *q = db_stmt(web, sql);

	stmt_bind_str(q, 1, kind);
	stmt_bind_str(q, 2, argument);
	TF_OK(stmt_run(q, &tf.err));
}

static void
web_open(void)
{
	char *path = tf_path("web.db");

	web = db_open(path, web_migrations, web_migrations_count, &tf.err);
	assert_non_null(web);
	tf.repo.web = db_open_reader(path, &tf.err);
	assert_non_null(tf.repo.web);
	free(path);
}

static void
a_stop_that_was_asked_for_is_carried_out_and_nothing_else_is(void **state)
{
	int64_t stable;

	(void)state;
	web_open();
	ask("poll", "");
	ask("halt", "{\"channel\":\"edge\",\"reason\":\"fires\"}");
	ask("promote", "{\"channel\":\"stable\",\"from\":\"edge\"}");
	ask("waves",
	    "{\"channel\":\"stable\",\"waves\":[{\"after_h\":0,\"percent\":"
	    "5}]}");
	ask("resume", "{\"channel\":\"edge\"}");
	ask("promote", "{\"channel\":\"$(reboot)\",\"from\":\"edge\"}");
	ask("halt", "{\"channel\":\"edge\",\"reason\":\"x\",\"for\":9}");
	ask("halt", "nonsense");
	TF_OK(tf_pass());
	assert_int_equal(brakes(), 1);
	assert_string_equal(
	    tf_text(tf.repo.db, "SELECT group_concat(command, '|') FROM"
				" (SELECT command FROM asked ORDER BY id)"),
	    "kiln-tuf promote --channel stable --from edge|"
	    "kiln-tuf promote --channel stable --from stable --waves 0:5|"
	    "kiln-tuf resume edge");
	assert_int_equal(tf_int(tf.repo.db, "SELECT count(*) FROM asked"), 7);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM asked"
			       " WHERE done_at IS NULL AND command IS NULL"),
	    0);
	stable = tf_int(tf.repo.db, stable_sets);
	assert_int_equal(stable, 0);
	/* taken once */
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, "SELECT count(*) FROM asked"), 7);
	assert_int_equal(tf_findings(), 0);
	db_close(web);
}

static void
waves_and_windows_have_one_form(void **state)
{
	static const char *const bad[] = { "", "1", "0:101", "5:1,4:2",
		"0:10,1:10", "0:1,", "-1:5", "0:1;1:2", NULL };
	static const char *const wrong[] = { "", "02:00", "2:00-3:00",
		"24:00-01:00", "01:60-02:00", "01:00-01:00", "01:00-02:00x",
		NULL };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; bad[i]; i++)
		if (waves_parse(bad[i], &err))
			fail_msg("took %s", bad[i]);
	for (size_t i = 0; wrong[i]; i++)
		if (window_parse(wrong[i], &err))
			fail_msg("took %s", wrong[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, tf_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(promote_offers_the_edge_set_to_stable_routers),
		TEST(promote_refuses_a_counter_that_is_not_the_published_one),
		TEST(promote_refuses_a_tree_that_is_not_good),
		TEST(a_draft_signed_by_another_key_is_refused),
		TEST(a_set_with_an_unreproduced_image_is_refused_though_signed),
		TEST(
		    a_set_with_another_services_image_is_refused_though_signed),
		TEST(a_set_with_a_withdrawn_image_is_refused_though_signed),
		TEST(
		    a_withdrawal_is_published_though_a_stable_set_names_the_image),
		TEST(a_brake_is_published_and_ends_by_itself),
		TEST(a_brake_is_published_though_the_rest_of_the_pass_fails),
		TEST(no_brake_lasts_longer_than_14_days_in_all),
		TEST(refuses_to_stop_what_is_not_published),
		TEST(a_stopped_set_is_not_promoted),
		TEST(resume_needs_the_release_key),
		TEST(
		    a_stop_that_was_asked_for_is_carried_out_and_nothing_else_is),
		cmocka_unit_test(waves_and_windows_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
