/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dsse.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/tuf.h"
#include "tests/support/webrows.h"

static struct sig_seed seed;
static struct sig_public key;

/* As kiln-builder and kiln-tuf leave it, with another text each time. */
static void
attest(int n, bool sign, char hex[HASH_HEX])
{
	auto_free char *text = mem_printf("{\"statement\":%d}", n);
	auto_buf struct buf pae = BUF_INIT;
	char public[KEY_HEX], sig_hex[SIG_HEX];
	struct sig sig;

	webfarm_put(text, strlen(text), hex);
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO attestation (digest, plan, run, predicate, verdict,"
	    " at) VALUES ('%s', '%s', '%s', 'reproduction', 'differs', 1)",
	    hex, plan, record);
	if (!sign)
		return;
	dsse_pae(DSSE_INTOTO, text, strlen(text), &pae);
	sig_sign(&seed, pae.data, pae.len, &sig);
	hex_encode(public, key.b, sizeof(key.b));
	hex_encode(sig_hex, sig.b, sizeof(sig.b));
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO attestation (digest, key, sig, at)"
	    " VALUES ('%s', '%s', '%s', 1)",
	    hex, public, sig_hex);
}

static void
a_signed_statement_is_served_and_its_signature_holds(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf body = BUF_INIT;
	struct err err = ERR_INIT;
	char hex[HASH_HEX], path[100];

	(void)state;
	attest(1, true, hex);
	snprintf(path, sizeof(path), "/attestation/%s", hex);
	assert_int_equal(http_get(&a, path, ""), 200);
	assert_string_equal(http_header(&a, "Content-Type"),
	    "application/vnd.dsse.envelope.v1+json");
	if (dsse_open(
		DSSE_INTOTO, &key, a.body.data, a.body.len, &body, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(body.data, "{\"statement\":1}");
}

static void
what_nobody_signed_is_not_served(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	char hex[HASH_HEX], path[100];

	(void)state;
	attest(2, false, hex);
	snprintf(path, sizeof(path), "/attestation/%s", hex);
	assert_int_equal(http_get(&a, path, ""), 404);
	assert_int_equal(http_get(&a, "/attestation/x", ""), 404);
}

static void
the_build_lists_what_was_said_and_what_is_signed(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *link = NULL, *none = NULL;
	auto_json json_t *j = NULL;
	struct err err = ERR_INIT;
	char yes[HASH_HEX], no[HASH_HEX];
	const json_t *list;

	(void)state;
	attest(3, true, yes);
	attest(4, false, no);
	link = mem_printf("\"/attestation/%s\"", yes);
	none = mem_printf("\"/attestation/%s\"", no);
	assert_int_equal(http_get(&a, "/build/1", ""), 200);
	assert_non_null(strstr(a.body.data, link));
	assert_null(strstr(a.body.data, none));
	assert_non_null(strstr(a.body.data, "waits for kiln-tuf"));
	assert_int_equal(http_get(&a, "/api/v1/builds/1", ""), 200);
	j = js_parse("build", a.body.data, a.body.len, &err);
	assert_non_null(j);
	list = json_object_get(j, "attestations");
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(list, 0), "digest")),
	    no);
	assert_true(
	    json_is_false(json_object_get(json_array_get(list, 0), "signed")));
	assert_true(
	    json_is_true(json_object_get(json_array_get(list, 1), "signed")));
	/* Nothing was said of a run of which there is no record yet. */
	assert_int_equal(http_get(&a, "/build/3", ""), 200);
	assert_null(strstr(a.body.data, "What is said of it"));
}

/* Its text lies beside the log, not in the store. */
static void
what_another_rebuilder_said_is_served_and_listed_by_its_key(void **state)
{
	static const char text[] = "{\"statement\":\"of another\"}";
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf pae = BUF_INIT, body = BUF_INIT;
	auto_free char *words = NULL, *path = NULL;
	char public[KEY_HEX], sig_hex[SIG_HEX], hex[HASH_HEX], id[HASH_HEX];
	struct err err = ERR_INIT;
	struct hash h;
	struct sig sig;

	(void)state;
	hash_bytes(&h, text, strlen(text));
	hash_hex(&h, hex);
	auto_fd int dir =
	    dir_make_at(webfarm.farm.dirfd, "tuf/log/statement", 0755, &err);
	assert_int_equal(
	    file_write_at(dir, hex, text, strlen(text), 0644, &err), 0);
	dsse_pae(DSSE_INTOTO, text, strlen(text), &pae);
	sig_sign(&seed, pae.data, pae.len, &sig);
	hex_encode(public, key.b, sizeof(key.b));
	hex_encode(sig_hex, sig.b, sizeof(sig.b));
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO attestation (digest, key, sig, at)"
	    " VALUES ('%s', '%s', '%s', 1);"
	    "INSERT INTO statement (digest, key, plan, verdict, outcome, lane,"
	    " at) VALUES ('%s', '%s', '%s', 'differs', 'succeeded', 'B', 1)",
	    hex, public, sig_hex, hex, public, plan);
	path = mem_printf("/attestation/%s", hex);
	assert_int_equal(http_get(&a, path, ""), 200);
	if (dsse_open(
		DSSE_INTOTO, &key, a.body.data, a.body.len, &body, &err) == -1)
		fail_msg("%s", err.msg);
	assert_string_equal(body.data, text);
	tuf_keyid(&key, id);
	words = mem_printf("rebuilder %.8s, lane B", id);
	assert_int_equal(http_get(&a, "/build/1", ""), 200);
	assert_non_null(strstr(a.body.data, words));
	assert_non_null(strstr(a.body.data, path));
}

static int
begin(void **state)
{
	sig_keypair(&seed, &key);
	return group_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_signed_statement_is_served_and_its_signature_holds),
		cmocka_unit_test(what_nobody_signed_is_not_served),
		cmocka_unit_test(
		    the_build_lists_what_was_said_and_what_is_signed),
		cmocka_unit_test(
		    what_another_rebuilder_said_is_served_and_listed_by_its_key),
	};

	return cmocka_run_group_tests(tests, begin, group_teardown);
}
