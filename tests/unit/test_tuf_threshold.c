/* rooms: tuf-repo */
/* The stop that nobody asks for: by reports that routers really signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "lib/wave.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/own_target.h"
#include "tuf-repo/threshold.h"
#include "web/schema.c"

static struct db *web;
static char set_hex[HASH_HEX];
static struct hash set_digest;

static int
setup(void **state)
{
	char *path;

	if (tf_setup(state) == -1)
		return -1;
	tf_release("dns-dhcp", "1", "image one");
	tf_release("kernel", "6.1", "kernel one");
	TF_OK(tf_pass());
	path = tf_path("web.db");
	web = db_open(path, web_migrations, web_migrations_count, &tf.err);
	tf.repo.web = db_open_reader(path, &tf.err);
	free(path);
	if (!web || !tf.repo.web)
		fail_msg("%s", tf.err.msg);
	snprintf(set_hex, sizeof(set_hex), "%s",
	    tf_text(tf.repo.db, "SELECT digest FROM published_set WHERE"
				" channel = 'edge'"));
	assert_true(hash_parse(&set_digest, set_hex));
	tf.repo.stop_percent = 20;
	tf.repo.stop_least = 3;
	return 0;
}

static int
teardown(void **state)
{
	db_close(web);
	return tf_teardown(state);
}

/* --- routers ---------------------------------------------------------------
 */

struct device {
	struct sig_seed seed;
	struct sig_public pub;
	char id[HASH_HEX], key[65];
};

static struct device
device(void)
{
	struct device d;
	struct hash id;

	sig_keypair(&d.seed, &d.pub);
	hash_bytes(&id, d.pub.b, sizeof(d.pub.b));
	hash_hex(&id, d.id);
	hex_encode(d.key, d.pub.b, sizeof(d.pub.b));
	return d;
}

static void
add_router(const struct device *d, const char *standing, const char *state)
{
	static const char sql[] =
	    "INSERT INTO router (id, key, first_at, sequence, seen_at, state,"
	    " channel, arch, counter, set_sha, standing)"
	    " VALUES (?1, ?2, 1, 1, 1, ?3, 'edge', 'amd64', 1, ?4, ?5)";
	auto_stmt struct stmt *q = db_stmt(web, sql);

	stmt_bind_str(q, 1, d->id);
	stmt_bind_str(q, 2, d->key);
	stmt_bind_str(q, 3, state);
	stmt_bind_str(q, 4, set_hex);
	stmt_bind_str(q, 5, standing);
	TF_OK(stmt_run(q, &tf.err));
}

/* What kiln-agent says of a set it went back from, and signs. */
static void
add_report(const struct device *d, const struct sig_seed *by, const char *state,
    const char *cause, const struct hash *set)
{
	static const char sql[] =
	    "INSERT INTO report (router, sequence, received_at, state, cause,"
	    " counter, body, sig) VALUES (?1, 1, 1, ?2, ?3, 1, ?4, ?5)";
	auto_json json_t *j = js_record_new("kiln/report", 1);
	json_t *s = json_object();
	struct buf body = BUF_INIT;
	char hex[SIG_HEX];
	struct sig sig;

	js_set_str(j, "router", d->id);
	js_set_str(j, "state", state);
	js_set_str(j, "cause", cause);
	js_set_int(s, "counter", 1);
	js_set_hash(s, "sha256", set);
	js_set(j, "set", s);
	TF_OK(canon_json(j, &body, &tf.err));
	sig_sign(by, body.data, body.len, &sig);
	hex_encode(hex, sig.b, sizeof(sig.b));
	{
		auto_stmt struct stmt *q = db_stmt(web, sql);

		stmt_bind_str(q, 1, d->id);
		stmt_bind_str(q, 2, state);
		stmt_bind_str(q, 3, cause);
		stmt_bind_text(q, 4, body.data, body.len);
		stmt_bind_str(q, 5, hex);
		TF_OK(stmt_run(q, &tf.err));
	}
	buf_release(&body);
}

static void
went_back(const char *standing, const char *cause)
{
	struct device d = device();

	add_router(&d, standing, "rolled-back");
	add_report(&d, &d.seed, "rolled-back", cause, &set_digest);
}

static void
runs_it(void)
{
	struct device d = device();

	add_router(&d, "accepted", "committed");
	add_report(&d, &d.seed, "committed", NULL, &set_digest);
}

static int64_t
brakes(void)
{
	TF_OK(threshold_check(&tf.repo, &tf.err));
	return tf_int(tf.repo.db, "SELECT count(*) FROM brake");
}

/* --- what stops ------------------------------------------------------------
 */

static void
enough_routers_that_went_back_stop_the_set(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		runs_it();
	went_back("accepted", "probe");
	went_back("accepted", "probe");
	assert_int_equal(brakes(), 0);
	/* 3 of 15 are 20 %. */
	went_back("accepted", "probe");
	assert_int_equal(brakes(), 1);
	assert_string_equal(
	    tf_text(tf.repo.db, "SELECT by || ': ' || reason FROM brake"),
	    "threshold: 3 of 15 routers that were due went back (probe)");
	/* Carried out as any stop: signed, published, found good by a client.
	 */
	TF_OK(tf_pass());
	assert_int_equal(tf_findings(), 0);
	assert_int_equal(
	    tf_int(tf.repo.db, "SELECT count(*) FROM role WHERE name = 'brake'"
			       " AND published_at IS NOT NULL AND instr("
			       "signed, 'brake/edge/amd64.json')"),
	    1);
	/* Once. */
	assert_int_equal(brakes(), 1);
}

static void
a_pass_looks_by_itself(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		went_back("accepted", "probe");
	TF_OK(tf_pass());
	assert_int_equal(tf_int(tf.repo.db, "SELECT count(*) FROM brake"), 1);
	assert_int_equal(tf_findings(), 0);
}

static void
below_the_share_nothing_is_stopped(void **state)
{
	(void)state;
	for (int i = 0; i < 13; i++)
		runs_it();
	for (int i = 0; i < 3; i++)
		went_back("accepted", "probe");
	assert_int_equal(brakes(), 0);
}

/* Anybody can make keys: a thousand of them stop nothing. */
static void
who_was_not_let_in_does_not_count(void **state)
{
	static const char *const standings[] = { "waiting", "held", "retired" };

	(void)state;
	for (int i = 0; i < 12; i++)
		went_back(standings[i % 3], "probe");
	assert_int_equal(brakes(), 0);
}

static void
what_the_device_did_not_sign_does_not_count(void **state)
{
	struct device other = device();
	struct hash another;

	(void)state;
	hash_bytes(&another, "another set", 11);
	for (int i = 0; i < 4; i++) {
		struct device a = device(), b = device(), c = device(),
			      d = device(), e = device();

		/* Another key's signature, another's key, no report … */
		add_router(&a, "accepted", "rolled-back");
		add_report(
		    &a, &other.seed, "rolled-back", "probe", &set_digest);
		memcpy(b.key, a.key, sizeof(b.key));
		add_router(&b, "accepted", "rolled-back");
		add_report(&b, &a.seed, "rolled-back", "probe", &set_digest);
		add_router(&c, "accepted", "rolled-back");
		/* … one of another set, one that says it went well. */
		add_router(&d, "accepted", "rolled-back");
		add_report(&d, &d.seed, "rolled-back", "probe", &another);
		add_router(&e, "accepted", "rolled-back");
		add_report(&e, &e.seed, "committed", "probe", &set_digest);
	}
	assert_int_equal(brakes(), 0);
}

static void
what_the_owner_undid_does_not_count(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		went_back("accepted", i % 2 ? "owner" : "stopped");
	assert_int_equal(brakes(), 0);
}

/* Half of the routers go at once, the others a day later. */
static void
who_was_not_due_does_not_count(void **state)
{
	static const char waves[] =
	    "UPDATE own_target SET bytes = json_set(bytes, '$.waves',"
	    " json('[{\"after_h\":0,\"percent\":50},"
	    "{\"after_h\":24,\"percent\":100}]')) WHERE digest = ?1";
	int late = 0;

	(void)state;
	{
		auto_stmt struct stmt *q = db_stmt(tf.repo.db, waves);

		stmt_bind_str(q, 1, set_hex);
		TF_OK(stmt_run(q, &tf.err));
	}
	while (late < 6) {
		struct device d = device();
		struct hash id;

		assert_true(hash_parse(&id, d.id));
		if (wave_place(&id, &set_digest) < 50)
			continue;
		add_router(&d, "accepted", "rolled-back");
		add_report(&d, &d.seed, "rolled-back", "probe", &set_digest);
		late++;
	}
	assert_int_equal(brakes(), 0);
	tf.repo.now += 86400;
	assert_int_equal(brakes(), 1);
}

static void
what_the_release_key_set_free_is_not_stopped_again(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		went_back("accepted", "probe");
	assert_int_equal(brakes(), 1);
	TF_OK(db_exec(tf.repo.db,
	    "UPDATE brake SET lifted_at = 1, statement = 'x'", &tf.err));
	went_back("accepted", "probe");
	assert_int_equal(brakes(), 1);
	assert_int_equal(
	    tf_int(tf.repo.db,
		"SELECT count(*) FROM brake WHERE lifted_at IS NULL"),
	    0);
}

static void
a_farm_may_switch_it_off(void **state)
{
	(void)state;
	tf.repo.stop_percent = 0;
	for (int i = 0; i < 6; i++)
		went_back("accepted", "probe");
	assert_int_equal(brakes(), 0);
}

static void
a_cause_of_any_bytes_is_no_reason(void **state)
{
	struct device d[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		d[i] = device();
		add_router(&d[i], "accepted", "rolled-back");
		add_report(
		    &d[i], &d[i].seed, "rolled-back", "\xc3\xa9", &set_digest);
	}
	assert_int_equal(brakes(), 1);
	assert_non_null(strstr(
	    tf_text(tf.repo.db, "SELECT reason FROM brake"), "(unclear)"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(enough_routers_that_went_back_stop_the_set),
		T(a_pass_looks_by_itself),
		T(below_the_share_nothing_is_stopped),
		T(who_was_not_let_in_does_not_count),
		T(what_the_device_did_not_sign_does_not_count),
		T(what_the_owner_undid_does_not_count),
		T(who_was_not_due_does_not_count),
		T(what_the_release_key_set_free_is_not_stopped_again),
		T(a_farm_may_switch_it_off),
		T(a_cause_of_any_bytes_is_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
