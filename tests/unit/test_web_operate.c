/* rooms: web web/pages web/api */
/* What operators ask for from pages, and the second person's word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "tests/support/webrows.h"
#include "web/account.h"

#define ORIGIN "Origin: http://x\r\n"

static struct db *web_db;
static struct err err;
/* Of a browser each: headers, and the word of its forms. */
static struct person {
	char headers[200], csrf[65], token[SECRET_TEXT];
} ada, bob;

static void
sign_in(struct person *p, const char *name)
{
	static const char start[] = "name=\"csrf\" value=\"";
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *body =
	    mem_printf("name=%s&password=correct+horse", name);
	const char *set, *at;

	if (account_set(web_db, name, RANK_OPERATOR, "correct horse", &err) ==
		-1 ||
	    account_token(web_db, name, RANK_OPERATOR, 3600, p->token, &err) ==
		-1)
		webfarm_die(name, &err);
	http_ask(&a, "POST", "/login", ORIGIN, body, strlen(body));
	set = http_header(&a, "Set-Cookie");
	/* Plain HTTP: the cookie is not for HTTPS alone. */
	assert_null(strstr(set, "Secure"));
	snprintf(p->headers, sizeof(p->headers), "Cookie: %.*s\r\n" ORIGIN,
	    (int)strcspn(set, ";"), set);
	http_get(&a, "/operate", p->headers);
	at = strstr(a.body.data, start);
	assert_non_null(at);
	snprintf(p->csrf, sizeof(p->csrf), "%.64s", at + strlen(start));
}

static int
setup(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = NULL;

	webfarm.approval = true;
	group_setup(state);
	if (http_get(&a, "/healthz", "") != 200)
		return -1;
	path = farm_file(&webfarm.farm, "web.db");
	web_db = db_open(path, web_migrations, web_migrations_count, &err);
	if (web_db == NULL)
		webfarm_die("web.db", &err);
	sign_in(&ada, "ada");
	sign_in(&bob, "bob");
	return 0;
}

static int
teardown(void **state)
{
	db_close(web_db);
	return group_teardown(state);
}

static int
form(struct answer *a, const struct person *p, const char *fields)
{
	auto_free char *body = mem_printf("csrf=%s&%s", p->csrf, fields);

	http_ask(a, "POST", "/operate", p->headers, body, strlen(body));
	return a->status;
}

static int
api(struct answer *a, const struct person *p, const char *body)
{
	auto_free char *h =
	    mem_printf("Authorization: Bearer %s\r\n", p->token);

	http_ask(a, "POST", "/api/v1/requests", h, body, strlen(body));
	return a->status;
}

/* The first column of the first row; static. */
static const char *
cell(const char *sql)
{
	static char out[600];
	struct stmt *q = db_stmt(web_db, sql);

	out[0] = '\0';
	if (stmt_step(q, &err) == 1 && !stmt_null(q, 0))
		snprintf(out, sizeof(out), "%s", stmt_str(q, 0));
	stmt_done(q);
	return out;
}

#define LAST                                                             \
	"SELECT kind || ' ' || argument || ' by ' || by || ', ' ||"      \
	" coalesce(approved_by, 'nobody else') FROM request ORDER BY id" \
	" DESC LIMIT 1"

static void
a_build_is_cancelled_from_its_page(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	/* Build 3 runs: who may sees the form, and nobody else. */
	http_get(&a, "/build/3", "");
	assert_null(strstr(a.body.data, "Cancel"));
	http_get(&a, "/build/3", ada.headers);
	assert_well_formed("/build/3", a.body.data);
	assert_non_null(strstr(a.body.data, ">Cancel</button>"));
	http_get(&a, "/build/1", ada.headers);
	assert_null(strstr(a.body.data, ">Cancel</button>"));
	assert_int_equal(
	    form(&a, &ada, "kind=cancel&run=3&reason=wrong+%3Cbranch%3E"), 303);
	assert_string_equal(http_header(&a, "Location"), "/build/3");
	assert_string_equal(cell(LAST),
	    "cancel {\"reason\":\"wrong <branch>\",\"run\":3} by ada, nobody "
	    "else");
	http_get(&a, "/build/3", "");
	assert_non_null(strstr(a.body.data, "wrong &lt;branch&gt;"));
	assert_non_null(strstr(a.body.data, "has not taken it yet"));
	http_get(&a, "/api/v1/builds/3", "");
	assert_non_null(strstr(a.body.data, "\"asked_not_taken\": [\n"));
	/* What came of it. */
	webfarm_sql(webfarm.farm_db,
	    "INSERT INTO cancelled (plan, at, by, reason) VALUES ('%s', 1,"
	    " 'ada', '<b>x</b>');"
	    "INSERT INTO asked (id, at, kind, by, run, plan, reason, text)"
	    " VALUES (1, 1, 'cancel', '<i>ada</i>', 3, '%s', '<b>x</b>',"
	    " '<u>done</u>');"
	    "INSERT INTO served (source, id) VALUES ('web.request', 1)",
	    plan, plan);
	http_get(&a, "/build/3", bob.headers);
	assert_well_formed("/build/3", a.body.data);
	assert_null(strstr(a.body.data, "has not taken it yet"));
	assert_non_null(strstr(a.body.data, "&lt;u&gt;done"));
	assert_null(strstr(a.body.data, "<b>x"));
	/* The plan of builds that ended can be asked for again. */
	http_get(&a, "/build/1", bob.headers);
	assert_non_null(strstr(a.body.data, ">Try again</button>"));
}

static void
a_form_with_a_wrong_number_is_refused(void **state)
{
	static const char *const bad[] = { "kind=cancel&run=x&reason=y",
		"kind=cancel&run=-1&reason=y",
		"kind=approve&proposal=", "kind=nothing",
		"kind=approve&proposal=99999" };
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int status = form(&a, &ada, bad[i]);

		if (status != 400 && status != 404)
			fail_msg("%s: %d", bad[i], status);
	}
}

static void
what_starts_a_set_waits_for_another_person(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *before = mem_str(cell(LAST));

	(void)state;
	assert_int_equal(
	    form(&a, &ada, "kind=promote&channel=stable&from=edge"), 303);
	/* No request yet: neither kiln-tuf nor its command knows of it. */
	assert_string_equal(cell(LAST), before);
	http_get(&a, "/releases", ada.headers);
	assert_well_formed("/releases", a.body.data);
	assert_non_null(strstr(a.body.data, "Somebody else has to approve"));
	assert_null(strstr(a.body.data, ">Approve</button>"));
	/* Who asked cannot, by page or by program; nor who is not signed in. */
	assert_int_equal(form(&a, &ada, "kind=approve&proposal=1"), 403);
	assert_int_equal(api(&a, &ada,
			     "{\"kind\":\"approve\",\"argument\":{\"proposal\""
			     ":1}}"),
	    403);
	http_get(&a, "/releases", "");
	assert_null(strstr(a.body.data, "method=\"post\""));
	assert_string_equal(cell(LAST), before);
	http_get(&a, "/releases", bob.headers);
	assert_non_null(strstr(a.body.data, ">Approve</button>"));
	assert_int_equal(form(&a, &bob, "kind=approve&proposal=1"), 303);
	assert_string_equal(cell(LAST),
	    "promote {\"channel\":\"stable\",\"from\":\"edge\"} by ada, bob");
	/* Once. */
	assert_int_equal(form(&a, &bob, "kind=approve&proposal=1"), 404);
	assert_string_equal(cell("SELECT what || ' ' || text FROM audit WHERE"
				 " who = 'bob' ORDER BY id DESC LIMIT 1"),
	    "approve promote of ada: {\"channel\":\"stable\",\"from\":"
	    "\"edge\"}");
}

static void
a_refused_proposal_becomes_nothing(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *before = mem_str(cell(LAST));

	(void)state;
	assert_int_equal(
	    api(&a, &ada,
		"{\"kind\":\"resume\",\"argument\":{\"channel\":\"edge\"}}"),
	    202);
	assert_non_null(strstr(a.body.data, "\"proposal\": 2"));
	assert_int_equal(form(&a, &bob, "kind=refuse&proposal=2"), 303);
	assert_int_equal(form(&a, &bob, "kind=approve&proposal=2"), 404);
	assert_string_equal(cell(LAST), before);
	http_get(&a, "/releases", "");
	assert_non_null(strstr(a.body.data, "Refused by bob"));
}

static void
a_stop_waits_for_nobody(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(
	    form(&a, &ada, "kind=halt&channel=edge&reason=burns"), 303);
	assert_string_equal(cell(LAST),
	    "halt {\"channel\":\"edge\",\"reason\":\"burns\"} by ada, nobody "
	    "else");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_build_is_cancelled_from_its_page),
		cmocka_unit_test(a_form_with_a_wrong_number_is_refused),
		cmocka_unit_test(what_starts_a_set_waits_for_another_person),
		cmocka_unit_test(a_refused_proposal_becomes_nothing),
		cmocka_unit_test(a_stop_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
