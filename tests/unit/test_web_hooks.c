/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hex.h"
#include "tests/support/webfarm.h"

static const char secret[] = "correct horse battery";
static const char body[] = "{\"ref\":\"refs/heads/main\"}";

static int
group_setup(void **state)
{
	(void)state;
	webfarm_make(false);
	webfarm_file("keys/hooks", "forge", "correct horse battery\n", 22);
	webfarm_file("keys/hooks", "weak", "short", 5);
	webfarm_child_start();
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return webfarm_stop();
}

static int64_t
count(const char *sql)
{
	auto_free char *path = farm_file(&webfarm.farm, "web.db");
	struct err err = ERR_INIT;
	auto_db struct db *db = db_open_reader(path, &err);
	auto_stmt struct stmt *q = NULL;

	assert_non_null(db);
	q = db_stmt(db, sql);
	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static int
post(const char *path, const char *key, const char *text)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *header = NULL;
	crypto_auth_hmacsha256_state st;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char hex[2 * sizeof(mac) + 1];

	crypto_auth_hmacsha256_init(&st, (const uint8_t *)key, strlen(key));
	crypto_auth_hmacsha256_update(&st, (const uint8_t *)body, strlen(body));
	crypto_auth_hmacsha256_final(&st, mac);
	hex_encode(hex, mac, sizeof(mac));
	header = mem_printf("X-Hub-Signature-256: sha256=%s\r\n", hex);
	http_ask(&a, "POST", path, header, text, strlen(text));
	return (int)a.status;
}

static void
signed_hook_writes_one_row(void **state)
{
	(void)state;
	assert_int_equal(post("/hooks/forge", secret, body), 202);
	assert_int_equal(
	    count("SELECT count(*) FROM request WHERE kind = 'poll'"
		  " AND argument = 'forge' AND by = 'hook'"),
	    1);
}

static void
replayed_hook_leaves_one_row_with_a_larger_id(void **state)
{
	int64_t before;

	(void)state;
	assert_int_equal(post("/hooks/forge", secret, body), 202);
	before = count("SELECT max(id) FROM request");
	for (int i = 0; i < 20; i++)
		assert_int_equal(post("/hooks/forge", secret, body), 202);
	assert_int_equal(count("SELECT count(*) FROM request"), 1);
	assert_int_equal(count("SELECT max(id) FROM request"), before + 20);
}

static void
what_is_not_signed_is_403_and_writes_nothing(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	int64_t before = count("SELECT max(id) FROM request");

	(void)state;
	assert_int_equal(post("/hooks/forge", "another secret key", body), 403);
	assert_int_equal(post("/hooks/forge", secret, "{}"), 403);
	assert_int_equal(post("/hooks/nobody", secret, body), 403);
	assert_int_equal(post("/hooks/weak", "short", body), 403);
	http_ask(&a, "POST", "/hooks/forge", "", body, strlen(body));
	assert_int_equal(a.status, 403);
	http_ask(&a, "POST", "/hooks/forge",
	    "X-Hub-Signature-256: sha256=zz\r\n", body, strlen(body));
	assert_int_equal(a.status, 403);
	assert_int_equal(count("SELECT max(id) FROM request"), before);
}

static void
reading_a_hook_is_405(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	http_get(&a, "/hooks/forge", "");
	assert_int_equal(a.status, 405);
	assert_string_equal(http_header(&a, "Allow"), "POST");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_hook_writes_one_row),
		cmocka_unit_test(replayed_hook_leaves_one_row_with_a_larger_id),
		cmocka_unit_test(what_is_not_signed_is_403_and_writes_nothing),
		cmocka_unit_test(reading_a_hook_is_405),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
