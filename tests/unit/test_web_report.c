/* rooms: web web/pages web/api */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/canon.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/sig.h"
#include "tests/support/webfarm.h"

static struct sig_seed seed, other_seed;
static struct sig_public pub, other_pub;

static int
group_setup(void **state)
{
	(void)state;
	/* Routers report also while the builder has no database yet. */
	webfarm_make(false);
	webfarm_child_start();
	sig_keypair(&seed, &pub);
	sig_keypair(&other_seed, &other_pub);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	return webfarm_stop();
}

/* A report as docs/formats.md has it. */
static json_t *
report(const struct sig_public *of, int64_t sequence)
{
	json_t *j = js_record_new("kiln/report", 1);
	json_t *services = json_array(), *s = json_object();
	json_t *set = json_object(), *kernel = json_object();
	json_t *metadata = json_object();
	struct hash id, h;

	hash_bytes(&id, of->b, sizeof(of->b));
	hash_bytes(&h, "x", 1);
	js_set_hash(j, "router", &id);
	js_set_int(j, "sequence", sequence);
	js_set_hash(j, "previous", &h);
	js_set_str(j, "at", "2026-01-01T00:00:00Z");
	js_set_str(j, "agent", "0.1.0");
	js_set_str(j, "arch", "amd64");
	js_set_str(j, "channel", "edge");
	js_set_str(j, "accel", "tcg");
	js_set_str(j, "state", "committed");
	js_set_str(j, "cause", NULL);
	js_set_int(set, "counter", 3);
	js_set_hash(set, "sha256", &h);
	js_set(j, "set", set);
	js_set_str(s, "service", "dns-dhcp");
	js_set_hash(s, "image", &h);
	js_set_str(s, "state", "running");
	json_array_append_new(services, s);
	js_set(j, "services", services);
	js_set_hash(kernel, "vmlinuz", &h);
	js_set_hash(kernel, "initrd", &h);
	js_set(j, "kernel", kernel);
	js_set_int(metadata, "root", 1);
	js_set_int(metadata, "timestamp", 9);
	js_set_int(metadata, "snapshot", 8);
	js_set_int(metadata, "targets", 1);
	js_set(j, "metadata", metadata);
	return j;
}

/* Takes the report; signs it and posts it with that key. */
static int
post(json_t *r, const struct sig_seed *by, const struct sig_public *key,
    const char *extra, struct answer *a)
{
	auto_json json_t *j = json_object();
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT;
	struct err err = ERR_INIT;
	struct sig sig;
	char hex[SIG_HEX];

	assert_int_equal(canon_json(r, &body, &err), 0);
	sig_sign(by, body.data, body.len, &sig);
	js_set(j, "report", r);
	hex_encode(hex, key->b, sizeof(key->b));
	js_set_str(j, "key", hex);
	hex_encode(hex, sig.b, sizeof(sig.b));
	js_set_str(j, "sig", hex);
	if (extra)
		js_set_int(j, extra, 1);
	js_text(j, false, &text);
	http_ask(a, "POST", "/api/v1/report",
	    "Content-Type: application/json\r\n", text.data, text.len);
	return a->status;
}

static int64_t
count(const char *sql)
{
	auto_free char *path = farm_file(&webfarm.farm, "web.db");
	struct err err = ERR_INIT;
	auto_db struct db *db = db_open_reader(path, &err);
	struct stmt *q;
	int64_t n;

	assert_non_null(db);
	q = db_stmt(db, sql);
	assert_int_equal(stmt_step(q, &err), 1);
	n = stmt_int(q, 0);
	stmt_done(q);
	return n;
}

static void
assert_error(const struct answer *a, const char *cls)
{
	struct err err = ERR_INIT;
	auto_json json_t *j =
	    js_parse("error", a->body.data, a->body.len, &err);
	const json_t *e = json_object_get(j, "error");

	assert_non_null(e);
	assert_string_equal(
	    json_string_value(json_object_get(e, "class")), cls);
	assert_true(json_is_string(json_object_get(e, "message")));
}

static const char *
router_page(const struct sig_public *of)
{
	static char path[16 + HASH_HEX];
	char hex[HASH_HEX];
	struct hash id;

	hash_bytes(&id, of->b, sizeof(of->b));
	hash_hex(&id, hex);
	snprintf(path, sizeof(path), "/router/%s", hex);
	return path;
}

static void
a_signed_report_is_taken_and_shown(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(post(report(&pub, 7), &seed, &pub, NULL, &a), 200);
	assert_non_null(strstr(a.body.data, "\"sequence\": 7"));
	assert_int_equal(count("SELECT count(*) FROM report"), 1);
	assert_int_equal(http_get(&a, "/fleet", ""), 200);
	assert_non_null(strstr(a.body.data, "committed"));
	assert_int_equal(http_get(&a, router_page(&pub), ""), 200);
	assert_non_null(strstr(a.body.data, "dns-dhcp"));
	assert_non_null(strstr(a.body.data, "no set is published for edge"));
	/* What needs the builder says so, and when to ask again. */
	assert_int_equal(http_get(&a, "/builds", ""), 503);
	assert_error(&a, "unavailable");
	assert_string_equal(http_header(&a, "Retry-After"), "5");
}

/* tests/golden/: its router's key is made of these words. */
static void
the_golden_report_is_taken(void **state)
{
	static const char *const files[] = { "tests/golden/report.json",
		"tests/golden/report-1.json" };
	auto_answer struct answer a = ANSWER_INIT;
	static const char words[] = "kiln golden router";
	struct err err = ERR_INIT;
	struct sig_public its;
	struct sig_seed from;
	struct hash h;

	(void)state;
	hash_bytes(&h, words, sizeof(words) - 1);
	memcpy(from.b, h.b, sizeof(from.b));
	sig_public_of(&from, &its);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_buf struct buf text = BUF_INIT;
		json_t *r;

		assert_int_equal(file_read(files[i], 65536, &text, &err), 0);
		r = js_parse("report", text.data, text.len, &err);
		assert_non_null(r);
		assert_int_equal(post(r, &from, &its, NULL, &a), 200);
	}
	assert_int_equal(count("SELECT count(*) FROM router"), 2);
}

/* Of the second version. */
static json_t *
with_update(int64_t sequence, const char *update)
{
	json_t *r = report(&pub, sequence);
	struct err err = ERR_INIT;

	js_set_int(r, "v", 2);
	if (update)
		js_set(r, "update",
		    js_parse("update", update, strlen(update), &err));
	return r;
}

static void
what_an_update_cost_is_taken_or_the_report_is_refused(void **state)
{
	static const char *const bad[] = { NULL, "{}", "{\"bytes\":1}",
		"{\"bytes\":-1,\"switch_ms\":1}",
		"{\"bytes\":1,\"switch_ms\":-1}",
		"{\"bytes\":1,\"switch_ms\":86400001}",
		"{\"bytes\":1099511627777,\"switch_ms\":1}",
		"{\"bytes\":\"1\",\"switch_ms\":1}",
		"{\"bytes\":1,\"switch_ms\":1,\"more\":1}", "[]", "[1]" };
	auto_answer struct answer a = ANSWER_INIT;
	json_t *old = report(&pub, 20);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    post(with_update(20, bad[i]), &seed, &pub, NULL, &a), 400);
		assert_error(&a, "bad-input");
	}
	/* The first version never had it. */
	js_set(old, "update", json_object());
	assert_int_equal(post(old, &seed, &pub, NULL, &a), 400);
	assert_int_equal(
	    post(with_update(20, "{\"bytes\":0,\"switch_ms\":null}"), &seed,
		&pub, NULL, &a),
	    200);
	assert_int_equal(
	    post(with_update(21, "{\"bytes\":2097152,\"switch_ms\":17}"), &seed,
		&pub, NULL, &a),
	    200);
	assert_int_equal(http_get(&a, router_page(&pub), ""), 200);
	assert_non_null(strstr(a.body.data, "17 ms"));
	assert_non_null(strstr(a.body.data, "2.0 MiB"));
}

static void
a_router_without_a_set_reports_too(void **state)
{
	static const char *const none[] = { "previous", "set", "kernel",
		"metadata" };
	auto_answer struct answer a = ANSWER_INIT;
	json_t *r = report(&pub, 8);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(none); i++)
		js_set(r, none[i], json_null());
	js_set(r, "services", json_array());
	js_set_str(r, "state", "refused");
	js_set_str(r, "cause", "not-trusted");
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 200);
	http_get(&a, "/fleet", "");
	assert_non_null(strstr(a.body.data, "refused: not-trusted"));
	/* One that comes late does not turn it back. */
	assert_int_equal(post(report(&pub, 6), &seed, &pub, NULL, &a), 200);
	assert_int_equal(count("SELECT count(*) FROM router WHERE state ="
			       " 'refused' AND sequence = 8"),
	    1);
	/* No set of that name was published: what it claims counts nowhere. */
	assert_int_equal(count("SELECT count(*) FROM reach"), 0);
}

static void
a_database_that_somebody_writes_is_asked_for_later(void **state)
{
	auto_free char *path = farm_file(&webfarm.farm, "web.db");
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;
	auto_db struct db *writer =
	    db_open(path, web_migrations, web_migrations_count, &err);

	(void)state;
	assert_non_null(writer);
	assert_int_equal(db_begin(writer, &err), 0);
	assert_int_equal(post(report(&pub, 9), &seed, &pub, NULL, &a), 503);
	assert_error(&a, "busy");
	assert_string_equal(http_header(&a, "Retry-After"), "5");
	/* Who only looks does not wait. */
	assert_int_equal(http_get(&a, "/fleet", ""), 200);
	assert_int_equal(http_get(&a, router_page(&pub), ""), 200);
	assert_int_equal(http_get(&a, "/healthz", ""), 200);
	db_rollback(writer);
	assert_int_equal(post(report(&pub, 9), &seed, &pub, NULL, &a), 200);
}

static void
a_wrong_signature_is_403(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(
	    post(report(&pub, 20), &other_seed, &pub, NULL, &a), 403);
	assert_error(&a, "not-trusted");
	assert_int_equal(
	    count("SELECT count(*) FROM report WHERE sequence = 20"), 0);
}

static void
a_key_speaks_for_its_own_router_only(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(
	    post(report(&pub, 21), &other_seed, &other_pub, NULL, &a), 403);
	assert_error(&a, "not-trusted");
	assert_int_equal(
	    count("SELECT count(*) FROM report WHERE sequence = 21"), 0);
	assert_int_equal(count("SELECT count(*) FROM router"), 2);
}

static void
a_repeated_sequence_is_answered_the_same_and_kept_once(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	json_t *r;

	(void)state;
	assert_int_equal(post(report(&pub, 30), &seed, &pub, NULL, &a), 200);
	assert_int_equal(post(report(&pub, 30), &seed, &pub, NULL, &a), 200);
	assert_non_null(strstr(a.body.data, "\"sequence\": 30"));
	/* Neither does a second story under the same number replace it. */
	r = report(&pub, 30);
	js_set_str(r, "state", "failed");
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 200);
	assert_int_equal(count("SELECT count(*) FROM report WHERE sequence = 30"
			       " AND state = 'committed'"),
	    1);
}

static void
what_is_not_in_the_format_is_400(void **state)
{
	static const struct {
		const char *key, *value;
	} wrong[] = { { "kind", "kiln/set" }, { "state", "fine" },
		{ "state", "<script>" }, { "at", "yesterday" },
		{ "previous", "12" }, { "agent", "" }, { "arch", "a b" },
		{ "channel", "\xc3\xa9" }, { "cause", "no such\nthing" },
		{ "set", "3" }, { "services", "none" }, { "kernel", "x" },
		{ "metadata", "x" }, { "more", "x" }, { "at", NULL },
		{ "services", NULL }, { "state", NULL } };
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;
	json_t *r;

	(void)state;
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		r = report(&pub, 40);
		js_set_str(r, wrong[i].key, wrong[i].value);
		if (strchr(wrong[i].value ? wrong[i].value : "", '\n')) {
			/* Not even canonical: cannot be signed. */
			json_decref(r);
			continue;
		}
		if (post(r, &seed, &pub, NULL, &a) != 400)
			fail_msg("%s: %d", wrong[i].key, a.status);
		assert_error(&a, "bad-input");
	}
	r = report(&pub, 40);
	js_set_int(r, "v", 2);
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 400);
	r = report(&pub, 0);
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 400);
	r = report(&pub, 40);
	js_set_int(json_object_get(r, "set"), "extra", 1);
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 400);
	r = report(&pub, 40);
	js_set_str(json_array_get(json_object_get(r, "services"), 0), "image",
	    "../../etc");
	assert_int_equal(post(r, &seed, &pub, NULL, &a), 400);
	/* A key beside the signed part. */
	assert_int_equal(post(report(&pub, 40), &seed, &pub, "extra", &a), 400);
	assert_int_equal(
	    count("SELECT count(*) FROM report WHERE sequence = 40"), 0);
}

static void
what_is_no_json_is_400(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "null", "{}",
		"{\"report\":{},\"key\":\"\",\"sig\":\"\"}",
		"{\"report\":{},\"report\":{}}", "\xff", "{\"report\":1e3}" };
	auto_answer struct answer a = ANSWER_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		http_ask(
		    &a, "POST", "/api/v1/report", "", bad[i], strlen(bad[i]));
		assert_int_equal(a.status, 400);
		assert_error(&a, "bad-input");
	}
}

static void
more_than_64_kib_is_413(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;
	auto_buf struct buf b = BUF_INIT;

	(void)state;
	while (b.len <= REQ_BODY_MAX)
		buf_str(&b, "                                ");
	http_ask(&a, "POST", "/api/v1/report", "", b.data, b.len);
	assert_int_equal(a.status, 413);
	assert_error(&a, "too-large");
}

static void
only_the_newest_reports_are_kept(void **state)
{
	auto_answer struct answer a = ANSWER_INIT;

	(void)state;
	assert_int_equal(post(report(&pub, 5000), &seed, &pub, NULL, &a), 200);
	assert_int_equal(count("SELECT count(*) FROM report"), 2);
	/* Another router's stay. */
	assert_int_equal(
	    post(report(&other_pub, 1), &other_seed, &other_pub, NULL, &a),
	    200);
	assert_int_equal(count("SELECT count(*) FROM report"), 3);
}

/* As an upgrade leaves it until the builder is started. */
static void
an_older_farm_db_is_as_if_it_were_not_there_yet(void **state)
{
	auto_free char *path = farm_file(&webfarm.farm, "farm.db");
	auto_answer struct answer a = ANSWER_INIT;
	struct err err = ERR_INIT;

	(void)state;
	db_close(
	    db_open(path, farm_migrations, farm_migrations_count - 1, &err));
	assert_int_equal(err.cls, ERR_NONE);
	assert_int_equal(http_get(&a, "/recipes", ""), 503);
	assert_int_equal(http_get(&a, "/healthz", ""), 200);
	db_close(db_open(path, farm_migrations, farm_migrations_count, &err));
	assert_int_equal(err.cls, ERR_NONE);
	assert_int_equal(http_get(&a, "/recipes", ""), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_report_is_taken_and_shown),
		cmocka_unit_test(the_golden_report_is_taken),
		cmocka_unit_test(a_router_without_a_set_reports_too),
		cmocka_unit_test(
		    a_database_that_somebody_writes_is_asked_for_later),
		cmocka_unit_test(a_wrong_signature_is_403),
		cmocka_unit_test(a_key_speaks_for_its_own_router_only),
		cmocka_unit_test(
		    a_repeated_sequence_is_answered_the_same_and_kept_once),
		cmocka_unit_test(what_is_not_in_the_format_is_400),
		cmocka_unit_test(what_is_no_json_is_400),
		cmocka_unit_test(more_than_64_kib_is_413),
		cmocka_unit_test(only_the_newest_reports_are_kept),
		cmocka_unit_test(
		    an_older_farm_db_is_as_if_it_were_not_there_yet),
		cmocka_unit_test(
		    what_an_update_cost_is_taken_or_the_report_is_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
