/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What was measured and proven: read strictly, recorded whole or not at all,
 * shown of exactly those bytes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "builder/judge/proven.h"
#include "builder/schema.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "tests/support/scratch.h"

static struct err err;
static struct db *db;
static struct store *store;

static json_t *
golden(void)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	assert_int_equal(
	    file_read("tests/golden/proof.json", 1 << 16, &text, &err), 0);
	j = js_parse("proof.json", text.data, text.len, &err);
	assert_non_null(j);
	return j;
}

static int
read_json(const json_t *j, struct proven *p)
{
	auto_buf struct buf text = BUF_INIT;

	err_clear(&err);
	assert_int_equal(canon_json(j, &text, &err), 0);
	return proven_read("F", text.data, text.len, p, &err);
}

static json_t *
at(json_t *j, const char *a, const char *b)
{
	j = json_object_get(j, a);
	return b ? json_object_get(j, b) : j;
}

/* --- reading ---------------------------------------------------------------
 */

static void
the_golden_statement_is_read(void **state)
{
	auto_json json_t *j = golden();
	auto_proven struct proven p = PROVEN_INIT;

	(void)state;
	if (read_json(j, &p) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(p.nsubjects, 1);
	assert_string_equal(p.script, "dhcp.sh");
	assert_string_equal(p.arch, "amd64");
	assert_string_equal(p.accel, "tcg");
	assert_int_equal(p.memory, 50331648);
	assert_int_equal(p.least, 41943040);
	assert_int_equal(p.answer_ms, 2249);
	assert_int_equal(p.passed, 2);
	assert_int_equal(p.failed, 0);
	assert_int_equal(p.at, 1767225600);
}

static void
what_is_not_canonical_is_refused(void **state)
{
	auto_json json_t *j = golden();
	auto_buf struct buf text = BUF_INIT;
	auto_proven struct proven p = PROVEN_INIT;

	(void)state;
	js_text(j, true, &text);
	err_clear(&err);
	assert_int_equal(proven_read("F", text.data, text.len, &p, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(err.msg, "F: not canonical");
}

static void
refused(const json_t *j, const char *sentence)
{
	auto_proven struct proven p = PROVEN_INIT;

	assert_int_equal(read_json(j, &p), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	if (!strstr(err.msg, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, sentence);
}

/* One member of `predicate`, or of what is in it, set to something. */
static void
each_member_that_is_wrong_is_named(void **state)
{
	static const struct {
		const char *in, *key, *value, *sentence;
	} cases[] = {
		{ NULL, "result", "\"FAILED\"", "with 0 tests that failed" },
		{ NULL, "result", "\"GOOD\"", "with 0 tests that failed" },
		{ NULL, "failedTests", "[\"x\"]", "with 1 tests that failed" },
		{ NULL, "passedTests", "[]", "it tested nothing" },
		{ NULL, "passedTests", "[\"\"]", "wants sentences" },
		{ NULL, "passedTests", "[1]", "wants sentences" },
		{ NULL, "url", "\"x\"", "url" },
		{ NULL, "configuration", "[]", "one script" },
		{ NULL, "configuration", "[{\"name\":\"../x\",\"digest\":{}}]",
		    "sha256" },
		{ "kiln_measured", "accel", "\"none\"", "tcg or kvm" },
		{ "kiln_measured", "accel", "1", "accel" },
		{ "kiln_measured", "least", "50331649", "least" },
		{ "kiln_measured", "least", "0", "least" },
		{ "kiln_measured", "memory", "\"48MiB\"", "memory" },
		{ "kiln_measured", "answer_ms", "0", "answer_ms" },
		{ "kiln_measured", "at", "\"yesterday\"", "yesterday" },
		{ "kiln_measured", "arch", "null", "arch" },
		{ "kiln_measured", "parts", "[{\"origin\":\"x\"}]", "bytes" },
		{ "kiln_measured", "more", "1", "more" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_json json_t *j = golden();

		json_object_set_new(at(j, "predicate", cases[i].in),
		    cases[i].key,
		    json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
		refused(j, cases[i].sentence);
	}
}

static void
another_type_and_a_subject_that_is_none_are_refused(void **state)
{
	auto_json json_t *a = golden(), *b = golden(), *c = golden();

	(void)state;
	js_set_str(a, "predicateType", "https://slsa.dev/provenance/v1");
	refused(a, "no in-toto statement of the type");
	js_set(b, "subject", json_array());
	refused(b, "subject: 1 to 64 of them");
	json_object_del(
	    json_array_get(json_object_get(c, "subject"), 0), "digest");
	refused(c, "subject 1");
}

static void
a_machine_has_a_kernel_and_no_machine_has_none(void **state)
{
	static const char *const keys[] = { "accel", "memory", "answer_ms",
		"least" };
	auto_json json_t *a = golden(), *b = golden();
	auto_proven struct proven p = PROVEN_INIT;
	json_t *machine = at(b, "predicate", "kiln_measured");

	(void)state;
	json_array_remove(at(a, "predicate", "configuration"), 1);
	refused(a, "a machine without vmlinuz");
	json_object_del(machine, "least");
	refused(b, "least");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_object_del(machine, keys[i]);
	refused(b, "vmlinuz of no machine");
	json_array_remove(at(b, "predicate", "configuration"), 1);
	if (read_json(b, &p) == -1)
		fail_msg("%s", err.msg);
	assert_null(p.accel);
}

/* --- recording -------------------------------------------------------------
 */

static void
sql(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_clear(&err);
	if (db_exec(db, text, &err) == -1)
		fail_msg("%s: %s", text, err.msg);
}

static int64_t
ask(const char *text)
{
	auto_stmt struct stmt *q = db_stmt(db, text);
	int64_t n;

	err_clear(&err);
	assert_int_equal(stmt_step(q, &err), 1);
	n = stmt_null(q, 0) ? -1 : stmt_int(q, 0);
	return n;
}

static void
hex_of(const char *bytes, char hex[HASH_HEX])
{
	struct hash h;

	hash_bytes(&h, bytes, strlen(bytes));
	hash_hex(&h, hex);
}

/* A run that left `bytes` as NAME. */
static void
add_output(int run, const char *name, const char *bytes)
{
	char hex[HASH_HEX];

	hex_of(bytes, hex);
	sql("INSERT INTO output (run, name, digest, size) VALUES (%d, '%s',"
	    " '%s', 100)",
	    run, name, hex);
}

static void
add_run(int run, const char *plan)
{
	sql("INSERT INTO run (id, plan, lane, state, queued_at) VALUES (%d,"
	    " '%s', 'A', 'succeeded', 1)",
	    run, plan);
}

static char image_plan[HASH_HEX];

static void
add_plan(
    const char *hex, const char *recipe, const char *kind, const char *stage)
{
	sql("INSERT INTO recipe (name, kind, summary, tree, loaded_at)"
	    " VALUES ('%s', '%s', '', '%s', 1);"
	    "INSERT INTO plan (digest, recipe, stage, lock, made_at, verdict)"
	    " VALUES ('%s', '%s', '%s', '%s', 1, 'reproduced');"
	    "INSERT INTO current (recipe, stage, plan) VALUES ('%s', '%s',"
	    " '%s')",
	    recipe, kind, hex, hex, recipe, stage, hex, recipe, stage, hex);
}

static int
setup(void **state)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *path = NULL;
	char kernel[HASH_HEX];
	struct hash h;

	if (scratch_setup(state) != 0 || mkdirat(scratch.fd, "s", 0755))
		return -1;
	auto_fd int dir = openat(scratch.fd, "s", O_RDONLY | O_CLOEXEC);

	path = mem_printf("%s/farm.db", scratch.path);
	store = store_open(dir, &err);
	db = db_open(path, farm_migrations, farm_migrations_count, &err);
	if (!store || !db)
		return -1;
	assert_int_equal(
	    file_read("tests/golden/plan-image.json", 1 << 16, &text, &err), 0);
	assert_int_equal(
	    store_put_bytes(store, text.data, text.len, &h, &err), 0);
	hash_hex(&h, image_plan);
	add_plan(image_plan, "dhcp", "image", "image");
	add_run(1, image_plan);
	add_output(1, "image", "image");
	hex_of("plan of the kernel", kernel);
	add_plan(kernel, "kernel", "kernel", "build");
	add_run(2, kernel);
	add_output(2, "vmlinuz", "vmlinuz");
	return 0;
}

static int
teardown(void **state)
{
	store_free(store);
	db_close(db);
	return scratch_teardown(state);
}

static size_t
recorded(const json_t *j)
{
	auto_proven struct proven p = PROVEN_INIT;
	size_t fresh = 99;

	if (read_json(j, &p) == -1 ||
	    proven_check(db, store, "F", &p, &err) == -1 ||
	    proven_record(db, store, &p, 1, &fresh, &err) == -1)
		fail_msg("%s", err.msg);
	assert_true(store_has(store, &p.digest));
	return fresh;
}

static void
unfit(const json_t *j, const char *sentence)
{
	auto_proven struct proven p = PROVEN_INIT;

	if (read_json(j, &p) == -1)
		fail_msg("%s", err.msg);
	assert_int_equal(proven_check(db, store, "F", &p, &err), -1);
	assert_int_equal(err.cls, ERR_INPUT);
	if (!strstr(err.msg, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, sentence);
}

static void
one_is_recorded_once_and_stands_beside_its_image(void **state)
{
	auto_json json_t *j = golden();

	(void)state;
	assert_int_equal(ask("SELECT count(*) FROM proven"), 1);
	assert_int_equal(ask("SELECT answer_ms FROM proven"), -1);
	assert_int_equal(recorded(j), 1);
	assert_int_equal(recorded(j), 0);
	assert_int_equal(ask("SELECT count(*) FROM proof"), 1);
	assert_int_equal(ask("SELECT count(*) FROM proof_subject"), 1);
	assert_int_equal(ask("SELECT answer_ms FROM proven"), 2249);
	assert_int_equal(ask("SELECT least FROM proven WHERE kernel_recipe ="
			     " 'kernel' AND recipe = 'dhcp' AND bytes = 100"),
	    41943040);
}

static void
the_newest_of_several_stands(void **state)
{
	auto_json json_t *j = golden(), *later = golden();

	(void)state;
	js_set_int(at(later, "predicate", "kiln_measured"), "answer_ms", 1800);
	assert_int_equal(recorded(j), 1);
	assert_int_equal(recorded(later), 1);
	assert_int_equal(ask("SELECT count(*) FROM proven"), 1);
	assert_int_equal(ask("SELECT answer_ms FROM proven"), 1800);
}

static void
an_image_of_other_bytes_is_not_proven(void **state)
{
	auto_json json_t *j = golden();

	(void)state;
	assert_int_equal(recorded(j), 1);
	add_run(3, image_plan);
	add_output(3, "image", "another image");
	assert_int_equal(ask("SELECT count(*) FROM proven"), 1);
	assert_int_equal(ask("SELECT answer_ms FROM proven"), -1);
	/* And one that came out as before is. */
	add_run(4, image_plan);
	add_output(4, "image", "image");
	assert_int_equal(ask("SELECT answer_ms FROM proven"), 2249);
}

static void
what_the_farm_never_built_is_refused_and_nothing_recorded(void **state)
{
	auto_json json_t *image = golden(), *kernel = golden(),
			 *arch = golden();
	char hex[HASH_HEX];

	(void)state;
	hex_of("nothing of this farm", hex);
	js_set_str(
	    json_object_get(
		json_array_get(json_object_get(image, "subject"), 0), "digest"),
	    "sha256", hex);
	unfit(image, "F: no build of this farm gave ");
	/* An output of a build, and no kernel. */
	hex_of("image", hex);
	js_set_str(
	    json_object_get(
		json_array_get(at(kernel, "predicate", "configuration"), 1),
		"digest"),
	    "sha256", hex);
	unfit(kernel, "is no kernel of this farm");
	js_set_str(at(arch, "predicate", "kiln_measured"), "arch", "arm64");
	unfit(arch, "F: it says arm64, and ");
	assert_int_equal(ask("SELECT count(*) FROM proof"), 0);
}

static json_t *
of_programs(const char *a, const char *b)
{
	static const char *const keys[] = { "accel", "memory", "answer_ms",
		"least" };
	json_t *j = golden(), *all = json_array();
	const char *const bytes[] = { a, b };

	for (size_t i = 0; i < 2; i++) {
		char hex[HASH_HEX];

		hex_of(bytes[i], hex);
		json_array_append_new(
		    all, json_pack("{s:s,s:{s:s}}", "name", i ? "two" : "one",
			     "digest", "sha256", hex));
	}
	js_set(j, "subject", all);
	json_array_remove(at(j, "predicate", "configuration"), 1);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_object_del(at(j, "predicate", "kiln_measured"), keys[i]);
	return j;
}

static void
programs_are_proven_together(void **state)
{
	auto_json json_t *j = of_programs("1", "2"), *k = of_programs("1", "3");
	auto_buf struct buf text = BUF_INIT;
	char hex[HASH_HEX];
	struct hash h;

	(void)state;
	assert_int_equal(
	    file_read("tests/golden/plan.json", 1 << 16, &text, &err), 0);
	assert_int_equal(
	    store_put_bytes(store, text.data, text.len, &h, &err), 0);
	hash_hex(&h, hex);
	add_plan(hex, "kiln", "source", "build");
	add_run(5, hex);
	add_output(5, "one", "1");
	add_output(5, "two", "2");
	/* Nobody asks for what is only compiled. */
	assert_int_equal(ask("SELECT count(*) FROM proven"), 1);
	unfit(k, " did not give ");
	assert_int_equal(recorded(j), 1);
	assert_int_equal(ask("SELECT count(*) FROM proven"), 2);
	assert_int_equal(ask("SELECT passed FROM proven WHERE recipe = 'kiln'"
			     " AND accel IS NULL AND bytes = 200"),
	    2);
	/* One of the two is another: that proof is of neither. */
	add_run(6, hex);
	add_output(6, "one", "1");
	add_output(6, "two", "3");
	assert_int_equal(ask("SELECT count(*) FROM proven"), 1);
	/* What both left is no reason to know nothing of the first. */
	assert_int_equal(recorded(j), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_statement_is_read),
		cmocka_unit_test(what_is_not_canonical_is_refused),
		cmocka_unit_test(each_member_that_is_wrong_is_named),
		cmocka_unit_test(
		    another_type_and_a_subject_that_is_none_are_refused),
		cmocka_unit_test(
		    a_machine_has_a_kernel_and_no_machine_has_none),
		cmocka_unit_test_setup_teardown(
		    one_is_recorded_once_and_stands_beside_its_image, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    the_newest_of_several_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    an_image_of_other_bytes_is_not_proven, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_the_farm_never_built_is_refused_and_nothing_recorded,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    programs_are_proven_together, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
