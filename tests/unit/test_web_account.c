/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/account.h"
#include "web/form.h"

static struct db *web_db;
static char token[RANK_COUNT][SECRET_TEXT];

/* Made by a process of the same uid as the server's, as the command does. */
static int
setup(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = NULL;
	struct err err = ERR_INIT;
	int r;

	group_setup(state);
	if (http_get(&a, "/healthz", "") != 200) /* web.db is there */
		return -1;
	path = farm_file(&webfarm.farm, "web.db");
	web_db = db_open(path, web_migrations, web_migrations_count, &err);
	if (web_db == NULL)
		webfarm_die("web.db", &err);
	for (r = RANK_VIEWER; r < RANK_COUNT; r++) {
		const char *name = rank_name((enum rank)r);

		if (account_set(web_db, name, (enum rank)r, "correct horse",
			&err) == -1 ||
		    account_token(
			web_db, name, RANK_ADMIN, 3600, token[r], &err) == -1)
			webfarm_die(name, &err);
	}
	return 0;
}

static int
teardown(void **state)
{
	db_close(web_db);
	return group_teardown(state);
}

static int
post(struct answer *a, const char *path, const char *headers, const char *body)
{
	http_ask(a, "POST", path, headers, body, strlen(body));
	return a->status;
}

#define ORIGIN "Origin: http://x\r\n" /* the client's Host */

/* The cookie as a header; static. */
static const char *
sign_in(const char *name)
{
	static char cookie[128];
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *body =
	    mem_printf("name=%s&password=correct+hor%%73e", name);
	const char *set;

	assert_int_equal(post(&a, "/login", ORIGIN, body), 303);
	assert_string_equal(http_header(&a, "Location"), "/operate");
	set = http_header(&a, "Set-Cookie");
	assert_non_null(strstr(set, "; HttpOnly; SameSite=Strict"));
	snprintf(cookie, sizeof(cookie), "Cookie: %.*s\r\n",
	    (int)strcspn(set, ";"), set);
	return cookie;
}

/* --- programs --------------------------------------------------------------*/

static void
a_token_does_no_more_than_its_scope(void **state)
{
	static const char halt[] = "{\"kind\":\"halt\",\"argument\":{"
				   "\"channel\":\"edge\",\"reason\":\"x\"}}";
	auto_answer struct answer a = ANSWER_INIT;
	char narrow[SECRET_TEXT], old[SECRET_TEXT];
	struct err err = ERR_INIT;
	auto_free char *h = NULL, *good = NULL, *over = NULL;

	(void)state;
	assert_int_equal(
	    account_token(web_db, "admin", RANK_VIEWER, 3600, narrow, &err), 0);
	assert_int_equal(
	    account_token(web_db, "admin", RANK_ADMIN, 0, old, &err), 0);
	h = mem_printf("Authorization: Bearer %s\r\n", narrow);
	over = mem_printf("Authorization: Bearer %s\r\n", old);
	good = mem_printf("Authorization: Bearer %s\r\n", token[RANK_OPERATOR]);
	assert_int_equal(post(&a, "/api/v1/requests", h, halt), 403);
	assert_int_equal(post(&a, "/api/v1/requests", over, halt), 401);
	assert_int_equal(post(&a, "/api/v1/requests", good, halt), 202);
	assert_int_equal(
	    post(&a, "/api/v1/requests", good, "{\"kind\":\"poll\"}"), 400);
	assert_int_equal(
	    account_token(web_db, "none", RANK_VIEWER, 1, old, &err), -1);
	assert_int_equal(err.cls, ERR_MISSING);
}

/* --- browsers --------------------------------------------------------------*/

static void
a_form_counts_only_with_its_origin_and_word(void **state)
{
	static const char start[] = "name=\"csrf\" value=\"";
	auto_answer struct answer a = ANSWER_INIT;
	const char *cookie = sign_in("operator"), *at;
	auto_free char *both = mem_printf("%s" ORIGIN, cookie);
	auto_free char *foreign =
	    mem_printf("%sOrigin: http://x.evil\r\n", cookie);
	auto_free char *body = NULL, *wrong = NULL;

	(void)state;
	assert_int_equal(http_get(&a, "/operate", cookie), 200);
	assert_well_formed("/operate", a.body.data);
	at = strstr(a.body.data, start);
	assert_non_null(at);
	body = mem_printf("csrf=%.64s&kind=halt&channel=edge&reason=%%3Cb%%3E",
	    at + strlen(start));
	wrong = mem_printf("csrf=%064d&kind=halt&channel=edge&reason=r", 0);
	assert_int_equal(post(&a, "/operate", cookie, body), 403);
	assert_int_equal(post(&a, "/operate", foreign, body), 403);
	assert_int_equal(post(&a, "/operate", both, wrong), 403);
	assert_int_equal(post(&a, "/operate", ORIGIN, body), 401);
	assert_int_equal(post(&a, "/operate", both, body), 303);
	/* It stands in the log, as text. */
	assert_int_equal(http_get(&a, "/operate", cookie), 200);
	assert_non_null(strstr(a.body.data, "&lt;b&gt;"));
	assert_null(strstr(a.body.data, "<b>&"));
	assert_int_equal(http_get(&a, "/operate.json", ""), 401);
	/* Signed out, the cookie is worth nothing. */
	body[69] = '\0';
	assert_int_equal(post(&a, "/logout", both, body), 303);
	auto_free char *page = mem_printf("%sAccept: text/html\r\n", cookie);

	assert_int_equal(http_get(&a, "/operate", page), 303);
	assert_int_equal(http_get(&a, "/operate", cookie), 401);
}

static void
a_sign_in_from_elsewhere_is_refused(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(post(&a, "/login", "Origin: http://evil\r\n",
			     "name=admin&password=correct+horse"),
	    403);
	assert_int_equal(
	    post(&a, "/login", "", "name=admin&password=correct+horse"), 403);
}

static void
the_audit_log_only_grows(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    db_exec(web_db, "UPDATE audit SET who = 'x'", &err), -1);
	assert_non_null(strstr(err.msg, "only grows"));
	assert_int_equal(db_exec(web_db, "DELETE FROM audit", &err), -1);
	assert_non_null(strstr(err.msg, "only grows"));
}

static void
too_many_wrong_passwords_have_to_wait(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	int i;

	(void)state;
	for (i = 0; i < LOGIN_TRIES; i++) {
		assert_int_equal(
		    post(&a, "/login", ORIGIN, "name=viewer&password=wrong"),
		    303);
		assert_string_equal(
		    http_header(&a, "Location"), "/login?wrong=1");
		assert_string_equal(http_header(&a, "Set-Cookie"), "");
	}
	/* Even the right one, now. */
	assert_int_equal(
	    post(&a, "/login", ORIGIN, "name=viewer&password=correct+horse"),
	    429);
	/* Another name still gets in. */
	sign_in("admin");
}

static void
weak_passwords_and_bad_names_are_refused(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
	    account_set(web_db, "a", RANK_ADMIN, "short", &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_int_equal(
	    account_set(web_db, "a b", RANK_ADMIN, "long enough", &err), -1);
	assert_int_equal(
	    account_set(web_db, "a", RANK_NOBODY, "long enough", &err), -1);
}

static void
forms_are_decoded_strictly(void **state)
{
	struct buf b = BUF_INIT;
	char out[8];

	(void)state;
	buf_str(&b, "a=1+2%33&b=%4&c=%zz&d=%00&e=123456789&f=&g&a=x");
	assert_true(form_get(&b, "a", out, sizeof(out)));
	assert_string_equal(out, "1 23");
	assert_false(form_get(&b, "b", out, sizeof(out)));
	assert_false(form_get(&b, "c", out, sizeof(out)));
	assert_false(form_get(&b, "d", out, sizeof(out)));
	assert_false(form_get(&b, "e", out, sizeof(out)));
	assert_false(form_get(&b, "none", out, sizeof(out)));
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_does_no_more_than_its_scope),
		cmocka_unit_test(a_form_counts_only_with_its_origin_and_word),
		cmocka_unit_test(a_sign_in_from_elsewhere_is_refused),
		cmocka_unit_test(the_audit_log_only_grows),
		cmocka_unit_test(too_many_wrong_passwords_have_to_wait),
		cmocka_unit_test(weak_passwords_and_bad_names_are_refused),
		cmocka_unit_test(forms_are_decoded_strictly),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
