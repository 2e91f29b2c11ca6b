/* rooms: tuf-repo */
/* What the builder said of runs gets this farm's signature, by a real signer
 * in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dsse.h"
#include "lib/hex.h"
#include "lib/own.h"
#include "lib/sealed.h"
#include "tests/support/tuf_farm.h"
#include "tuf-repo/ask.h"
#include "tuf-repo/attest.h"

static void
golden(const char *name, struct buf *out)
{
	auto_free char *path = mem_printf("tests/golden/%s.json", name);

	TF_OK(file_read(path, 1 << 20, out, &tf.err));
}

/* As the builder does; the verdict is the row's, NULL for a provenance. */
static struct hash
said(const char *text, const char *verdict)
{
	static const char sql[] =
	    "INSERT INTO attestation(digest, plan, predicate, verdict, at)"
	    " VALUES (?1, ?2, ?3, ?4, 1)";
	static const char plan_sql[] =
	    "INSERT OR IGNORE INTO plan(digest, recipe, stage, lock, made_at)"
	    " VALUES (?1, 'x', 'build', ?1, 1)";
	struct hash h = tf_put(text, strlen(text)), plan = { { 1 } };
	auto_stmt struct stmt *p = db_stmt(tf.farm, plan_sql);
	auto_stmt struct stmt *q = db_stmt(tf.farm, sql);

	stmt_bind_hash(p, 1, &plan);
	TF_OK(stmt_run(p, &tf.err));
	stmt_bind_hash(q, 1, &h);
	stmt_bind_hash(q, 2, &plan);
	stmt_bind_str(q, 3, verdict ? "reproduction" : "provenance");
	stmt_bind_str(q, 4, verdict);
	TF_OK(stmt_run(q, &tf.err));
	return h;
}

static bool
signed_well(const struct hash *digest, const char *text)
{
	static const char sql[] =
	    "SELECT key, sig FROM attestation WHERE digest = ?1";
	auto_stmt struct stmt *q = db_stmt(tf.repo.db, sql);
	auto_buf struct buf pae = BUF_INIT;
	struct sig_public key;
	struct sig sig;

	stmt_bind_hash(q, 1, digest);
	assert_int_equal(stmt_step(q, &tf.err), 1);
	assert_true(
	    hex_decode(key.b, sizeof(key.b), stmt_str(q, 0), KEY_HEX - 1));
	assert_true(
	    hex_decode(sig.b, sizeof(sig.b), stmt_str(q, 1), SIG_HEX - 1));
	dsse_pae(DSSE_INTOTO, text, strlen(text), &pae);
	return sig_verify(&key, pae.data, pae.len, &sig);
}

static int64_t
count(void)
{
	return tf_int(tf.repo.db, "SELECT count(*) FROM attestation");
}

static void
all_that_was_said_is_signed_bad_news_too(void **state)
{
	static const char bad[] =
	    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{"
	    "\"verdict\":\"failed\"},\"predicateType\":\"urn:x\","
	    "\"subject\":[{\"name\":\"plan\"}]}";
	auto_buf struct buf one = BUF_INIT, two = BUF_INIT;
	struct hash a, b, c;

	(void)state;
	golden("attestation-provenance", &one);
	golden("attestation-reproduction", &two);
	a = said(one.data, NULL);
	b = said(two.data, "reproduced");
	c = said(bad, "failed");
	TF_OK(tf_pass());
	assert_int_equal(count(), 3);
	assert_true(signed_well(&a, one.data));
	assert_true(signed_well(&b, two.data));
	assert_true(signed_well(&c, bad));
	assert_false(signed_well(&b, one.data));
}

static void
the_key_is_the_one_that_vouches_for_services(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_tuf struct tuf_file *targets = NULL;
	char hex[KEY_HEX], keyid[HASH_HEX];
	struct sig_public key;

	(void)state;
	golden("attestation-provenance", &text);
	said(text.data, NULL);
	TF_OK(tf_pass());
	{
		auto_stmt struct stmt *q =
		    db_stmt(tf.repo.db, "SELECT key FROM attestation");

		assert_int_equal(stmt_step(q, &tf.err), 1);
		snprintf(hex, sizeof(hex), "%s", stmt_str(q, 0));
	}
	assert_true(hex_decode(key.b, sizeof(key.b), hex, KEY_HEX - 1));
	tuf_keyid(&key, keyid);
	TF_OK(role_load_newest(tf.repo.db, "targets", &targets, &tf.err));
	assert_non_null(tuf_key_find(targets, keyid));
}

static void
each_is_signed_once_and_new_ones_follow(void **state)
{
	char text[200];

	(void)state;
	for (int i = 0; i < 150; i++) {
		snprintf(text, sizeof(text),
		    "{\"_type\":\"https://in-toto.io/Statement/v1\","
		    "\"predicate\":{\"n\":%d},\"subject\":[{}]}",
		    i);
		said(text, "differs");
	}
	TF_OK(tf_pass());
	assert_int_equal(count(), 150);
	TF_OK(tf_pass());
	assert_int_equal(count(), 150);
	said("{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},"
	     "\"subject\":[{}]}",
	    "inconclusive");
	TF_OK(tf_pass());
	assert_int_equal(count(), 151);
}

/* Fail closed: the pass tells, and nothing behind it goes first. */
static void
what_is_not_in_the_store_is_not_signed(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	struct hash h;

	(void)state;
	golden("attestation-provenance", &text);
	h = said(text.data, NULL);
	TF_OK(store_remove(tf.repo.store, &h, &tf.err));
	assert_int_equal(tf_pass(), -1);
	assert_int_equal(count(), 0);
	tf_put(text.data, text.len);
	TF_OK(tf_pass());
	assert_int_equal(count(), 1);
}

/* --- the signer's own rules ----------------------------------------------- */

static int
ask(const char *text)
{
	struct buf bytes = { .data = (char *)text, .len = strlen(text) };
	struct answers a;

	err_clear(&tf.err);
	return ask_statement(tf.repo.signer, &bytes, &a, &tf.err);
}

static void
the_signer_signs_statements_and_nothing_else_as_such(void **state)
{
	static const char *const no[] = { "", "{}",
		"{\"_type\":\"targets\",\"expires\":\"2030-01-01T00:00:00Z\"}]"
		"}",
		"{\"_type\":\"https://in-toto.io/Statement/v1\"}",
		"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{"
		"}",
		" {\"_type\":\"https://in-toto.io/Statement/v1\","
		"\"predicate\":{},\"subject\":[{}]}",
		"{\"_type\":\"https://in-toto.io/Statement/v1\","
		"\"predicate\":{},\"subject\":[{}]}\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		assert_int_equal(ask(no[i]), -1);
		assert_int_equal(tf.err.cls, ERR_INPUT);
	}
	TF_OK(ask("{\"_type\":\"https://in-toto.io/Statement/v1\","
		  "\"predicate\":{},\"subject\":[{}]}"));
}

static void
the_signer_wants_the_length_that_it_was_told(void **state)
{
	static const char text[] =
	    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},"
	    "\"subject\":[{}]}";
	static const int64_t wrong[] = { -1, 0, sizeof(text), INT64_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		auto_fd int fd = sealed_make(text, sizeof(text) - 1, &tf.err);
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		auto_buf struct buf b = BUF_INIT;

		ipc_add_i64(&b, wrong[i]);
		TF_OK(ipc_send(
		    tf.repo.signer, SIGN_STATEMENT, &b, &fd, 1, &tf.err));
		assert_int_equal(
		    ipc_recv(tf.repo.signer, 10000, &m, &tf.err), 1);
		assert_int_equal(m.type, REFUSED);
	}
	TF_OK(ask(text));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tf_setup, tf_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_that_was_said_is_signed_bad_news_too),
		TEST(the_key_is_the_one_that_vouches_for_services),
		TEST(each_is_signed_once_and_new_ones_follow),
		TEST(what_is_not_in_the_store_is_not_signed),
		TEST(the_signer_signs_statements_and_nothing_else_as_such),
		TEST(the_signer_wants_the_length_that_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
