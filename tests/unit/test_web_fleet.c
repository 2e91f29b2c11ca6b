/* rooms: web web/pages web/api */
/* Who belongs to the fleet: tokens, standings, and what each may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/sig.h"
#include "lib/wave.h"
#include "tests/support/webrows.h"
#include "web/account.h"
#include "web/fleet.h"

#define ORIGIN "Origin: http://x\r\n"

struct device {
	struct sig_seed seed;
	struct sig_public pub;
	char id[HASH_HEX], key[65];
};

static struct db *web_db;
static char operator_token[SECRET_TEXT], viewer_token[SECRET_TEXT];
static struct err err;

static int
setup(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_free char *path = NULL;

	group_setup(state);
	if (http_get(&a, "/healthz", "") != 200)
		return -1;
	path = farm_file(&webfarm.farm, "web.db");
	web_db = db_open(path, web_migrations, web_migrations_count, &err);
	if (web_db == NULL ||
	    account_set(web_db, "ada", RANK_OPERATOR, "correct horse", &err) ==
		-1 ||
	    account_token(web_db, "ada", RANK_OPERATOR, 3600, operator_token,
		&err) == -1 ||
	    account_token(
		web_db, "ada", RANK_VIEWER, 3600, viewer_token, &err) == -1)
		webfarm_die("web.db", &err);
	return 0;
}

static int
teardown(void **state)
{
	db_close(web_db);
	return group_teardown(state);
}

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

/* Takes the record; signs it with that device's key. */
static int
post_signed(struct answer *a, const char *path, const char *what, json_t *r,
    const struct device *by)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT;
	struct sig sig;
	char hex[SIG_HEX];

	assert_int_equal(canon_json(r, &body, &err), 0);
	sig_sign(&by->seed, body.data, body.len, &sig);
	js_set(j, what, r);
	js_set_str(j, "key", by->key);
	hex_encode(hex, sig.b, sizeof(sig.b));
	js_set_str(j, "sig", hex);
	js_text(j, false, &text);
	http_ask(a, "POST", path, "Content-Type: application/json\r\n",
	    text.data, text.len);
	return a->status;
}

static int
enrol(struct answer *a, const struct device *d, const char *token)
{
	json_t *r = js_record_new("kiln/enrol", 1);

	js_set_str(r, "router", d->id);
	js_set_str(r, "token", token);
	return post_signed(a, "/api/v1/enrol", "enrol", r, d);
}

static int
report(struct answer *a, const struct device *d, int64_t sequence,
    const char *state, int64_t counter)
{
	json_t *j = js_record_new("kiln/report", 1), *set = json_object();
	struct hash h;

	hash_bytes(&h, "set", 3);
	js_set_str(j, "router", d->id);
	js_set_int(j, "sequence", sequence);
	js_set(j, "previous", json_null());
	js_set_str(j, "at", "2026-01-01T00:00:00Z");
	js_set_str(j, "agent", "0.1.0");
	js_set_str(j, "arch", "amd64");
	js_set_str(j, "channel", "edge");
	js_set_str(j, "accel", "tcg");
	js_set_str(j, "state", state);
	js_set_str(j, "cause", strcmp(state, "committed") ? "probe" : NULL);
	js_set_int(set, "counter", counter);
	js_set_hash(set, "sha256", &h);
	js_set(j, "set", set);
	js_set(j, "services", json_array());
	js_set(j, "kernel", json_null());
	js_set(j, "metadata",
	    json_pack("{s:i,s:i,s:i,s:i}", "root", 1, "timestamp", 9,
		"snapshot", 8, "targets", 1));
	return post_signed(a, "/api/v1/report", "report", j, d);
}

static int
post(struct answer *a, const char *path, const char *token, const char *body)
{
	auto_free char *h = mem_printf("Authorization: Bearer %s\r\n", token);

	http_ask(a, "POST", path, h, body, strlen(body));
	return a->status;
}

static void
assert_standing(const struct device *d, const char *want)
{
	auto_stmt struct stmt *q =
	    db_stmt(web_db, "SELECT standing FROM router WHERE id = ?1");

	stmt_bind_str(q, 1, d->id);
	assert_int_equal(stmt_step(q, &err), 1);
	assert_string_equal(stmt_str(q, 0), want);
}

/* Made over the API; static. */
static const char *
new_token(const char *argument)
{
	static char token[SECRET_TEXT];
	auto_answer struct answer a = ANSWER_INIT;

	assert_int_equal(
	    post(&a, "/api/v1/enrolments", operator_token, argument), 200);
	auto_json json_t *j = js_parse("token", a.body.data, a.body.len, &err);

	snprintf(token, sizeof(token), "%s",
	    json_string_value(json_object_get(j, "token")));
	assert_int_equal(strlen(token), 64);
	return token;
}

static void
a_token_lets_in_one_device_once(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct device one = device(), two = device();
	const char *token = new_token("{\"group\":\"attic\"}");

	(void)state;
	assert_int_equal(enrol(&a, &one, token), 200);
	assert_standing(&one, "accepted");
	/* The answer was lost: the same again is the same. */
	assert_int_equal(enrol(&a, &one, token), 200);
	assert_int_equal(enrol(&a, &two, token), 403);
	assert_non_null(strstr(a.body.data, "works once"));
	assert_int_equal(http_get(&a, "/devices?standing=accepted", ""), 200);
	assert_well_formed("/devices", a.body.data);
	assert_non_null(strstr(a.body.data, one.id));
	assert_non_null(strstr(a.body.data, "attic"));
	/* Who is not signed in sees no form, and never the token. */
	assert_null(strstr(a.body.data, "method=\"post\""));
	assert_null(strstr(a.body.data, token));
	/* It has not reported, and has a page that says so. */
	auto_free char *page = mem_printf("/router/%s", one.id);

	assert_int_equal(http_get(&a, page, ""), 200);
	assert_well_formed(page, a.body.data);
	assert_non_null(strstr(a.body.data, "it has not reported yet"));
}

static void
a_token_that_ended_or_never_was_lets_in_nobody(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct device d = device();
	const char *token = new_token("{}");

	(void)state;
	assert_int_equal(db_exec(web_db,
			     "UPDATE enrolment SET ends_at = 1 WHERE router IS"
			     " NULL",
			     &err),
	    0);
	assert_int_equal(enrol(&a, &d, token), 403);
	assert_non_null(strstr(a.body.data, "has ended"));
	assert_int_equal(enrol(&a, &d, "00"), 403);
	assert_int_equal(enrol(&a, &d, ""), 403);
	auto_stmt struct stmt *q =
	    db_stmt(web_db, "SELECT count(*) FROM router WHERE id = ?1");

	stmt_bind_str(q, 1, d.id);
	assert_int_equal(stmt_step(q, &err), 1);
	assert_int_equal(stmt_int(q, 0), 0);
}

static void
a_device_comes_with_its_own_key_alone(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct device one = device(), two = device(), forged = one;
	const char *token = new_token("{}");

	(void)state;
	forged.seed = two.seed;
	assert_int_equal(enrol(&a, &forged, token), 403);
	assert_non_null(strstr(a.body.data, "signature"));
	memcpy(forged.key, two.key, sizeof(forged.key));
	assert_int_equal(enrol(&a, &forged, token), 403);
	assert_non_null(strstr(a.body.data, "another router"));
	/* Neither has used it up. */
	assert_int_equal(enrol(&a, &one, token), 200);
}

static void
what_a_retired_device_says_is_refused(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct device d = device();
	auto_free char *path = mem_printf("/api/v1/routers/%s", d.id);
	const char *token;

	(void)state;
	assert_int_equal(report(&a, &d, 1, "committed", 3), 200);
	assert_standing(&d, "waiting");
	assert_int_equal(post(&a, path, operator_token,
			     "{\"standing\":\"accepted\",\"why\":\"ours\"}"),
	    200);
	assert_standing(&d, "accepted");
	assert_int_equal(post(&a, path, operator_token,
			     "{\"standing\":\"retired\",\"why\":\"sold\"}"),
	    200);
	assert_int_equal(report(&a, &d, 2, "committed", 3), 403);
	assert_non_null(strstr(a.body.data, "was retired"));
	token = new_token("{}");
	assert_int_equal(enrol(&a, &d, token), 403);
	assert_standing(&d, "retired");
}

static void
only_operators_decide(void **state)
{
	static const char *const bad[] = { "{\"standing\":\"x\",\"why\":\"\"}",
		"{\"standing\":\"held\"}", "{}", "[]",
		"{\"standing\":\"held\",\"why\":\"a\\nb\"}" };
	auto_answer struct answer a = ANSWER_INIT;
	struct device d = device();
	auto_free char *path = mem_printf("/api/v1/routers/%s", d.id);
	size_t i;

	(void)state;
	assert_int_equal(post(&a, path, operator_token,
			     "{\"standing\":\"held\",\"why\":\"\"}"),
	    404);
	assert_int_equal(report(&a, &d, 1, "committed", 3), 200);
	assert_int_equal(post(&a, path, viewer_token,
			     "{\"standing\":\"held\",\"why\":\"\"}"),
	    403);
	assert_int_equal(
	    post(&a, "/api/v1/enrolments", viewer_token, "{}"), 403);
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(post(&a, path, operator_token, bad[i]), 400);
	assert_int_equal(post(&a, "/api/v1/enrolments", operator_token,
			     "{\"group\":\"<b>\"}"),
	    400);
	assert_int_equal(post(&a, "/api/v1/enrolments", operator_token,
			     "{\"lifetime\":\"31d\"}"),
	    400);
	assert_standing(&d, "waiting");
}

static void
a_form_accepts_and_its_reason_is_text(void **state)
{
	static const char start[] = "name=\"csrf\" value=\"";
	auto_answer struct answer a = ANSWER_INIT;
	struct device d = device();
	auto_free char *page = mem_printf("/router/%s", d.id);
	auto_free char *body = NULL, *headers = NULL;
	const char *set, *at;

	(void)state;
	assert_int_equal(report(&a, &d, 1, "committed", 3), 200);
	http_ask(&a, "POST", "/login", ORIGIN,
	    "name=ada&password=correct+horse", 31);
	set = http_header(&a, "Set-Cookie");
	headers =
	    mem_printf("Cookie: %.*s\r\n" ORIGIN, (int)strcspn(set, ";"), set);
	assert_int_equal(http_get(&a, page, headers), 200);
	assert_well_formed(page, a.body.data);
	at = strstr(a.body.data, start);
	assert_non_null(at);
	body = mem_printf("csrf=%.64s&kind=held&router=%s&why=%s",
	    at + strlen(start), d.id, "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E");
	http_ask(&a, "POST", "/device", headers, body, strlen(body));
	assert_int_equal(a.status, 303);
	assert_string_equal(http_header(&a, "Location"), page);
	assert_standing(&d, "held");
	http_get(&a, page, "");
	assert_null(strstr(a.body.data, "<img src=x"));
	assert_non_null(strstr(a.body.data, "&lt;img src=x"));
	/* No word for forms leaves as JSON. */
	auto_free char *json = mem_printf("/api/v1/routers/%s", d.id);

	http_get(&a, json, headers);
	assert_null(strstr(a.body.data, "csrf"));
	body[5] = body[5] == 'a' ? 'b' : 'a';
	http_ask(&a, "POST", "/device", headers, body, strlen(body));
	assert_int_equal(a.status, 403);
}

static void
who_is_not_enrolled_may_be_kept_from_reporting(void **state)
{
	struct device d = device(), known = device();
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(enrol(&a, &known, new_token("{}")), 200);
	assert_int_equal(fleet_may_report(web_db, d.id, false, &err), 0);
	assert_int_equal(fleet_may_report(web_db, d.id, true, &err), -1);
	assert_int_equal(err.cls, ERR_TRUST);
	assert_int_equal(fleet_may_report(web_db, known.id, true, &err), 0);
}

/* The farm of this test publishes set 3 of edge; 4 is in two waves. */
static void
a_page_says_when_a_routers_turn_comes(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	struct hash set, id;
	int early = 0, late = 0;

	(void)state;
	hash_bytes(&set, "waves", 5);
	char hex[HASH_HEX];

	hash_hex(&set, hex);
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO own_target (digest, bytes, made_at) VALUES ('%s',"
	    " '{\"waves\":[{\"after_h\":0,\"percent\":50},"
	    "{\"after_h\":1000000,\"percent\":100}]}', 1)",
	    hex);
	/* Hours beyond what the format allows: nobody is told a turn. */
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO \"set\" (channel, arch, counter, digest, made_at,"
	    " published_at) VALUES ('edge', 'amd64', 4, '%s', 1, %lld)",
	    hex, (long long)time_now());
	struct device d = device();
	auto_free char *page = mem_printf("/router/%s", d.id);

	assert_int_equal(report(&a, &d, 1, "committed", 3), 200);
	http_get(&a, page, "");
	assert_non_null(strstr(a.body.data, "no wave of it has come"));
	webfarm_sql(webfarm.tuf_db,
	    "UPDATE own_target SET bytes = replace(bytes, '1000000', '100')"
	    " WHERE digest = '%s'",
	    hex);
	for (int i = 0; i < 40 && (early == 0 || late == 0); i++) {
		struct device r = device();
		auto_free char *its = mem_printf("/router/%s", r.id);
		bool first;

		assert_true(hash_parse(&id, r.id));
		first = wave_place(&id, &set) < 50;
		assert_int_equal(report(&a, &r, 1, "committed", 3), 200);
		http_get(&a, its, "");
		assert_non_null(strstr(a.body.data,
		    first ? "and its wave came at" : "its wave comes at"));
		early += first;
		late += !first;
	}
	assert_true(early > 0 && late > 0);
	/* One that went back from it does not run it. */
	assert_int_equal(report(&a, &d, 2, "rolled-back", 4), 200);
	http_get(&a, page, "");
	assert_non_null(strstr(a.body.data, "it went back from set 4: probe"));
	/* A stop is the reason for all others. */
	webfarm_sql(webfarm.tuf_db,
	    "INSERT INTO brake (channel, arch, counter, first_at, until,"
	    " reason, by, digest) VALUES ('edge', 'amd64', 4, %lld, %lld,"
	    " 'it <burns>', 'ada', '%s')",
	    (long long)time_now(), (long long)time_now() + 1000, hex);
	assert_int_equal(report(&a, &d, 3, "committed", 3), 200);
	http_get(&a, page, "");
	assert_non_null(
	    strstr(a.body.data, "set 4 is stopped: it &lt;burns&gt;"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_lets_in_one_device_once),
		cmocka_unit_test(
		    a_token_that_ended_or_never_was_lets_in_nobody),
		cmocka_unit_test(a_device_comes_with_its_own_key_alone),
		cmocka_unit_test(what_a_retired_device_says_is_refused),
		cmocka_unit_test(only_operators_decide),
		cmocka_unit_test(a_form_accepts_and_its_reason_is_text),
		cmocka_unit_test(
		    who_is_not_enrolled_may_be_kept_from_reporting),
		cmocka_unit_test(a_page_says_when_a_routers_turn_comes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
