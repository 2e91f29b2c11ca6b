/* rooms: builder builder/inputs builder/plan builder/bake builder/exec
 * builder/judge */
/* What is said of runs, held against a golden file for each statement. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/judge/attest.h"
#include "builder/schema.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

static struct err err;

struct fixture {
	struct plan *plan;
	struct lock *lock;
	json_t *a, *b, *judged;
	struct hash record;
	struct verdict_run runs[2];
	struct attest said;
};

static void
read_golden(const char *name, struct buf *out)
{
	auto_free char *path = mem_printf("tests/golden/%s.json", name);

	if (file_read(path, 1 << 20, out, &err) == -1)
		fail_msg("%s", err.msg);
}

static json_t *
golden_run(void)
{
	auto_buf struct buf text = BUF_INIT;
	json_t *j;

	read_golden("run", &text);
	j = js_parse("run", text.data, text.len, &err);
	assert_non_null(j);
	return j;
}

static void
judge(struct fixture *f, size_t n)
{
	enum verdict verdict;

	f->runs[0].record = f->b;
	f->runs[1].record = f->a;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    canon_hash(f->runs[i].record, &f->runs[i].digest, &err), 0);
	json_decref(f->judged);
	f->judged = verdict_make(&f->plan->digest, f->runs, n, &verdict, &err);
	if (!f->judged)
		fail_msg("%s", err.msg);
	assert_int_equal(canon_hash(f->judged, &f->record, &err), 0);
	f->said = (struct attest){ f->plan, f->lock, f->judged, &f->record };
}

/* The golden plan and lock, with a git repository and a file in use. */
static int
set_up(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	auto_buf struct buf plan = BUF_INIT, lock = BUF_INIT, text = BUF_INIT;
	auto_json json_t *j = NULL;
	json_t *sources;

	read_golden("plan", &plan);
	read_golden("lock-2", &lock);
	j = js_parse("plan", plan.data, plan.len, &err);
	assert_non_null(j);
	sources = json_object_get(j, "sources");
	json_array_insert_new(sources, 0,
	    json_pack("{ssss}", "file", "data-1.tar.gz", "sha256",
		"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb787"
		"5b4b"));
	json_array_append_new(sources,
	    json_pack("{ssss}", "file", "tool.tar", "sha256",
		"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb"
		"57e9"));
	assert_int_equal(canon_json(j, &text, &err), 0);
	f->plan = plan_parse("plan", text.data, text.len, &err);
	if (!f->plan)
		fail_msg("%s", err.msg);
	f->lock = lock_parse("lock", lock.data, lock.len, &err);
	if (!f->lock)
		fail_msg("%s", err.msg);
	f->a = golden_run();
	f->b = golden_run();
	js_set_hash(f->a, "plan", &f->plan->digest);
	js_set_hash(f->b, "plan", &f->plan->digest);
	js_set_str(f->a, "lane", "A");
	js_set(f->a, "variations", json_array());
	judge(f, 2);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	json_decref(f->a);
	json_decref(f->b);
	json_decref(f->judged);
	plan_free(f->plan);
	lock_free(f->lock);
	free(f);
	return 0;
}

static void
assert_golden(const char *name, const json_t *j)
{
	auto_buf struct buf want = BUF_INIT, got = BUF_INIT;

	if (!j)
		fail_msg("%s", err.msg);
	assert_int_equal(canon_json(j, &got, &err), 0);
	read_golden(name, &want);
	assert_string_equal(got.data, want.data);
}

static const char *
verdict_in(const json_t *j)
{
	return json_string_value(
	    json_object_get(json_object_get(j, "predicate"), "verdict"));
}

static const char *
subject_in(const json_t *j)
{
	return json_string_value(json_object_get(
	    json_array_get(json_object_get(j, "subject"), 0), "name"));
}

/* --- tests ----------------------------------------------------------------*/

static void
provenance_names_every_input_as_the_golden_file_does(void **state)
{
	struct fixture *f = *state;
	auto_json json_t *j = attest_provenance(&f->said, &f->runs[0], &err);

	assert_golden("attestation-provenance", j);
}

static void
reproduction_is_as_the_golden_file_has_it(void **state)
{
	struct fixture *f = *state;
	auto_json json_t *j = attest_reproduction(&f->said, &f->runs[0], &err);

	assert_golden("attestation-reproduction", j);
}

/* Another digest in any place of the plan is another statement. */
static void
every_digest_of_the_plan_is_in_its_provenance(void **state)
{
	struct fixture *f = *state;
	auto_json json_t *j = attest_provenance(&f->said, &f->runs[0], &err);
	auto_buf struct buf text = BUF_INIT;
	const char *p = f->plan->text.data;
	size_t n = 0;

	assert_int_equal(canon_json(j, &text, &err), 0);
	while ((p = strstr(p, "\"sha256\":\""))) {
		auto_free char *hex = strndup(p + 10, 64);

		if (!strstr(text.data, hex))
			fail_msg("%s is not there", hex);
		p += 10;
		n++;
	}
	assert_int_equal(n, 2 + 2 + 4 + 1);
}

static void
an_input_that_the_lock_does_not_hold_is_refused(void **state)
{
	struct fixture *f = *state;

	f->lock->build.v[0].sha256.b[0] ^= 1;
	assert_null(attest_provenance(&f->said, &f->runs[0], &err));
	assert_int_equal(err.cls, ERR_INPUT);
	assert_string_equal(
	    err.msg, "package gcc of the plan is not in its lock");
	f->lock->build.v[0].sha256.b[0] ^= 1;
	f->lock->git.v[0].sha256.b[0] ^= 1;
	assert_null(attest_provenance(&f->said, &f->runs[0], &err));
	assert_string_equal(
	    err.msg, "source tool.tar of the plan is not in its lock");
}

static void
a_run_that_differs_is_told_as_that(void **state)
{
	struct fixture *f = *state;
	json_t *output = json_array_get(json_object_get(f->a, "outputs"), 0);
	auto_json json_t *j = NULL;
	const json_t *differs;

	js_set_hash(output, "sha256", &f->record);
	judge(f, 2);
	j = attest_reproduction(&f->said, &f->runs[1], &err);
	assert_string_equal(verdict_in(j), "differs");
	assert_string_equal(subject_in(j), "dnsmasq");
	differs = json_object_get(json_object_get(j, "predicate"), "differs");
	assert_int_equal(json_array_size(differs), 1);
}

static void
a_run_that_failed_is_about_its_plan_and_says_why(void **state)
{
	struct fixture *f = *state;
	auto_json json_t *j = NULL;

	js_set_str(f->b, "outcome", "failed");
	js_set_str(f->b, "cause", "timeout");
	js_set(f->b, "outputs", json_array());
	judge(f, 1);
	j = attest_reproduction(&f->said, &f->runs[0], &err);
	assert_string_equal(verdict_in(j), "failed");
	assert_string_equal(subject_in(j), "plan");
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(j, "predicate"), "cause")),
	    "timeout");
}

static void
a_plan_that_was_given_up_is_inconclusive_and_of_no_run(void **state)
{
	struct fixture *f = *state;
	auto_json json_t *j = NULL;
	const json_t *p;

	judge(f, 0);
	j = attest_reproduction(&f->said, NULL, &err);
	p = json_object_get(j, "predicate");
	assert_string_equal(verdict_in(j), "inconclusive");
	assert_string_equal(subject_in(j), "plan");
	assert_true(json_is_null(json_object_get(p, "run")));
	assert_true(json_is_null(json_object_get(p, "machine")));
}

/* --- store and rows -------------------------------------------------------*/

struct place {
	char dir[32];
	int fd;
	struct store *store;
	struct db *db;
};

static void
open_place(struct place *p, const struct fixture *f)
{
	auto_free char *path = NULL, *sql = NULL;
	char hex[HASH_HEX];

	strcpy(p->dir, "/tmp/attest-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->store = store_open(p->fd, &err);
	assert_non_null(p->store);
	path = mem_printf("%s/farm.db", p->dir);
	p->db = db_open(path, farm_migrations, farm_migrations_count, &err);
	if (!p->db)
		fail_msg("%s", err.msg);
	hash_hex(&f->plan->digest, hex);
	sql =
	    mem_printf("INSERT INTO plan(digest, recipe, stage, lock, made_at)"
		       " VALUES ('%s', 'dns-dhcp', 'build', '%s', 1)",
		hex, hex);
	assert_int_equal(db_exec(p->db, sql, &err), 0);
}

static void
close_place(struct place *p)
{
	auto_fd int tmp = -1;

	db_close(p->db);
	store_free(p->store);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
	    tree_remove_at(tmp, strrchr(p->dir, '/') + 1, &err), 0);
	close(p->fd);
}

static int64_t
count(struct db *db, const char *sql)
{
	auto_stmt struct stmt *q = db_stmt(db, sql);

	assert_int_equal(stmt_step(q, &err), 1);
	return stmt_int(q, 0);
}

static void
list(struct place *p, struct fixture *f, size_t n)
{
	auto_attest_rows struct attest_rows rows = ATTEST_ROWS_INIT;

	if (attest_store(p->store, &f->said, f->runs, n, &rows, &err) == -1 ||
	    attest_list(p->db, &f->said, &rows, &err) == -1)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < rows.n; i++) {
		auto_buf struct buf text = BUF_INIT;

		assert_int_equal(store_read(p->store, &rows.v[i].digest,
				     1 << 20, &text, &err),
		    0);
	}
}

static void
each_run_is_told_once_however_often_it_is_asked(void **state)
{
	struct fixture *f = *state;
	struct place p;

	open_place(&p, f);
	list(&p, f, 2);
	list(&p, f, 2);
	assert_int_equal(count(p.db, "SELECT count(*) FROM attestation"), 4);
	assert_int_equal(
	    count(p.db, "SELECT count(DISTINCT run) FROM attestation"
			" WHERE verdict = 'reproduced'"),
	    2);
	close_place(&p);
}

static void
negative_runs_have_their_rows_too(void **state)
{
	struct fixture *f = *state;
	struct place p;

	open_place(&p, f);
	js_set_str(f->b, "outcome", "failed");
	js_set(f->b, "outputs", json_array());
	judge(f, 1);
	list(&p, f, 1);
	assert_int_equal(count(p.db, "SELECT count(*) FROM attestation"), 1);
	assert_int_equal(
	    count(p.db, "SELECT count(*) FROM attestation"
			" WHERE verdict = 'failed' AND run IS NOT NULL"),
	    1);
	judge(f, 0);
	list(&p, f, 0);
	assert_int_equal(
	    count(p.db, "SELECT count(*) FROM attestation"
			" WHERE verdict = 'inconclusive' AND run IS NULL"),
	    1);
	close_place(&p);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(provenance_names_every_input_as_the_golden_file_does),
		TEST(reproduction_is_as_the_golden_file_has_it),
		TEST(every_digest_of_the_plan_is_in_its_provenance),
		TEST(an_input_that_the_lock_does_not_hold_is_refused),
		TEST(a_run_that_differs_is_told_as_that),
		TEST(a_run_that_failed_is_about_its_plan_and_says_why),
		TEST(a_plan_that_was_given_up_is_inconclusive_and_of_no_run),
		TEST(each_run_is_told_once_however_often_it_is_asked),
		TEST(negative_runs_have_their_rows_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
