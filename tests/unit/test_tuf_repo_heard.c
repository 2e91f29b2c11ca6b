/* rooms: tuf-repo */
/* What other rebuilders say of their runs: taken by its signature alone, kept
 * by its hash, in the log for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dsse.h"
#include "lib/own.h"
#include "lib/statement.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/ask.h"
#include "tuf-repo/heard.h"
#include "tuf-repo/logbook.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct buf text, envelope;

/* Canonical; `n` makes it another one. */
static void
say(const char *plan, const char *verdict, int n)
{
	auto_json json_t *j = json_object(), *p = json_object();
	auto_json json_t *subject =
	    json_pack("[{s:s,s:{s:s}}]", "name", "a", "digest", "sha256", B64);

	js_set_str(p, "plan", plan);
	js_set_str(p, "verdict", verdict);
	js_set_str(p, "outcome", "succeeded");
	js_set_str(p, "lane", "B");
	js_set_int(p, "run", n);
	js_set_str(j, "_type", "https://in-toto.io/Statement/v1");
	js_set_str(j, "predicateType", "urn:kiln:reproduction:v1");
	js_set(j, "predicate", json_incref(p));
	js_set(j, "subject", json_incref(subject));
	buf_clear(&text);
	TF_OK(canon_json(j, &text, &tf.err));
}

/* By the farm's own rebuilder key, which is as good as anybody's. */
static void
sign(void)
{
	struct answers a;
	struct dsse_signature one;

	TF_OK(ask_statement(tf.repo.signer, &text, &a, &tf.err));
	one.key = a.v[0].key;
	one.sig = a.v[0].sig;
	buf_clear(&envelope);
	dsse_envelope(DSSE_INTOTO, text.data, text.len, &one, 1, &envelope);
}

static int
hear(void)
{
	err_clear(&tf.err);
	return heard_one(&tf.repo, envelope.data, envelope.len, &tf.err);
}

static int64_t
count(const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(tf.repo.db, sql);

	TF_OK(stmt_step(q, &tf.err));
	return stmt_int(q, 0);
}

#define STATEMENTS "SELECT count(*) FROM statement"
#define LOGGED \
	"SELECT count(*) FROM log_entry JOIN statement USING (digest, key)"

static void
good_and_bad_news_are_kept_by_hash_and_logged_once(void **state)
{
	auto_buf struct buf kept = BUF_INIT;
	struct hash h;
	char path[sizeof("statement/") + HASH_HEX] = "statement/";

	(void)state;
	say(A64, "reproduced", 1);
	sign();
	TF_OK(hear());
	TF_OK(hear()); /* killed before it was noted, it comes again */
	hash_bytes(&h, text.data, text.len);
	hash_hex(&h, path + 10);
	TF_OK(file_read_at(tf.repo.log, path, STATEMENT_MAX, &kept, &tf.err));
	assert_string_equal(kept.data, text.data);
	say(A64, "differs", 2);
	sign();
	TF_OK(hear());
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	assert_int_equal(count(STATEMENTS), 2);
	assert_int_equal(count(LOGGED), 2);
	assert_int_equal(
	    count(STATEMENTS " WHERE verdict = 'differs' AND lane = 'B'"), 1);
}

static void
refused(enum err_class cls, const char *words)
{
	assert_int_equal(hear(), -1);
	assert_int_equal(tf.err.cls, cls);
	if (!strstr(tf.err.msg, words))
		fail_msg("%s", tf.err.msg);
	assert_int_equal(count(STATEMENTS), 0);
}

static void
strangers_other_plans_and_other_texts_are_refused(void **state)
{
	struct dsse_signature one;
	auto_buf struct buf pae = BUF_INIT;
	struct sig_seed seed;
	struct statement s;

	(void)state;
	say(A64, "reproduced", 1);
	sig_keypair(&seed, &one.key);
	dsse_pae(DSSE_INTOTO, text.data, text.len, &pae);
	sig_sign(&seed, pae.data, pae.len, &one.sig);
	buf_clear(&envelope);
	dsse_envelope(DSSE_INTOTO, text.data, text.len, &one, 1, &envelope);
	refused(ERR_TRUST, "no rebuilder of a service has signed");
	say(B64, "reproduced", 1);
	sign();
	refused(ERR_MISSING, "no plan of this farm");
	say(A64, "splendid", 1);
	sign();
	refused(ERR_INPUT, "verdict: unknown word");
	/* The signer would not sign it. */
	say(A64, "reproduced", 1);
	buf_char(&text, '\n');
	assert_int_equal(statement_read(&s, text.data, text.len, &tf.err), -1);
	assert_non_null(strstr(tf.err.msg, "not canonical"));
	buf_clear(&envelope);
	buf_str(&envelope, "{}");
	refused(ERR_INPUT, "envelope");
}

static void
one_party_may_say_so_much_of_a_plan(void **state)
{
	(void)state;
	for (int i = 0; i < STATEMENT_EACH; i++) {
		say(A64, "reproduced", i);
		sign();
		TF_OK(hear());
	}
	TF_OK(hear()); /* the last one again */
	say(A64, "reproduced", STATEMENT_EACH);
	sign();
	assert_int_equal(hear(), -1);
	assert_non_null(strstr(tf.err.msg, "has said enough"));
	assert_int_equal(count(STATEMENTS), STATEMENT_EACH);
}

static void
a_database_made_anew_knows_them_again_from_the_logs_files(void **state)
{
	(void)state;
	say(A64, "differs", 1);
	sign();
	TF_OK(hear());
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	TF_OK(db_exec(tf.repo.db,
	    "DELETE FROM log_entry; DELETE FROM statement;"
	    "DELETE FROM attestation; DELETE FROM state WHERE key LIKE"
	    " 'log_%'",
	    &tf.err));
	TF_OK(logbook_extend(&tf.repo, &tf.err));
	assert_int_equal(count(STATEMENTS " WHERE verdict = 'differs'"), 1);
	assert_int_equal(count(LOGGED), 1);
}

static int
setup(void **state)
{
	buf_init(&text);
	buf_init(&envelope);
	if (tf_setup(state) == -1)
		return -1;
	TF_OK(tf_pass());
	TF_OK(db_exec(tf.farm,
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at) VALUES"
	    " ('" A64 "', 'demo', 'build', '" A64 "', 1)",
	    &tf.err));
	return 0;
}

static int
teardown(void **state)
{
	buf_release(&text);
	buf_release(&envelope);
	return tf_teardown(state);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(good_and_bad_news_are_kept_by_hash_and_logged_once),
		TEST(strangers_other_plans_and_other_texts_are_refused),
		TEST(one_party_may_say_so_much_of_a_plan),
		TEST(a_database_made_anew_knows_them_again_from_the_logs_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
