/*
 * farm.db: in each cycle the archive changes some packages, and five recipes
 * of a hundred get a new lock, new plans, runs in both lanes, statements,
 * verdicts, and what came out new is released.
 */
#include <stdio.h>
#include <string.h>

#include "builder/inputs/lock_change.h"
#include "builder/inputs/lock_make.h"
#include "builder/judge/attest.h"
#include "builder/judge/closure.h"
#include "builder/judge/documents.h"
#include "builder/judge/publish.h"
#include "builder/plan/ledger.h"
#include "builder/progress.h"
#include "builder/schema.h"
#include "lib/attr.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "tests/bench/history.h"

#define RECIPES 100
#define AT_ONCE 5      /* recipes that a cycle touches */
#define RUNS_OF_LOCK 4 /* two plans in two lanes */
#define PACKAGES 120   /* of a lock */
#define KEPT 3	       /* locks of a recipe whose records are in the store */
#define LOG_LINES 1500
#define TOGETHER 500 /* cycles in one transaction */

struct history {
	struct db *db;
	struct store *store;
	struct recipe recipe[RECIPES];
	int64_t made[RECIPES];			  /* locks so far */
	int64_t locks;				  /* that a recipe will have */
	struct hash output[RECIPES][STAGE_COUNT]; /* the newest */
	json_t *judged[2];
	int64_t serial, runs;
};

/* --- records of the store --------------------------------------------------*/

static int
keep_json(struct history *y, const json_t *j, struct hash *h, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	if (canon_json(j, &b, err) == -1)
		return -1;
	return store_put_bytes(y->store, b.data, b.len, h, err);
}

static int
keep_log(struct history *y, int64_t run, struct hash *h, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	for (int i = 0; i < LOG_LINES; i++)
		buf_printf(&b,
		    "\033[1mcc\033[0m -O2 -Wall -c -o obj/part-%04d.o "
		    "src/part-%04d.c # %lld\n",
		    i, i, (long long)run);
	return store_put_bytes(y->store, b.data, b.len, h, err);
}

static int
keep_run(struct history *y, const struct plan *p, struct ledger_end *e,
    char lane, const struct hash *environment, struct err *err)
{
	auto_json json_t *j = js_record_new("kiln/run", 1);
	json_t *outputs = json_array(), *machine = json_object();
	char text[2] = { lane, '\0' };

	if (keep_log(y, e->id, &e->log, err) == -1)
		return -1;
	js_set_hash(j, "plan", &p->digest);
	js_set_str(j, "lane", text);
	js_set_str(j, "builder", "farm");
	js_set_str(j, "outcome", e->succeeded ? "succeeded" : "failed");
	js_set_str(j, "cause", e->cause);
	js_set_str(j, "started", "2026-01-01T00:00:00Z");
	js_set_str(j, "finished", "2026-01-01T00:00:09Z");
	js_set_hash(j, "environment", environment);
	js_set_str(machine, "cpu", "GenuineIntel");
	js_set_str(machine, "kernel", "6.1");
	js_set_int(machine, "cores", 2);
	js_set(j, "machine", machine);
	js_set(j, "variations", json_array());
	for (size_t i = 0; i < e->noutputs; i++) {
		json_t *o = json_object();

		js_set_str(o, "name", e->outputs[i].name);
		js_set_hash(o, "sha256", &e->outputs[i].sha256);
		js_set_int(o, "size", e->outputs[i].size);
		json_array_append_new(outputs, o);
	}
	js_set(j, "outputs", outputs);
	js_set_hash(j, "log", &e->log);
	return keep_json(y, j, &e->record, err);
}

static int
keep_plan(struct history *y, struct plan *p, const struct lock *l,
    const char *recipe, struct err *err)
{
	const struct lock_packages *from =
	    p->stage == STAGE_BUILD ? &l->build : &l->image;
	auto_json json_t *j = js_record_new("kiln/plan", 2);
	json_t *packages = json_array(), *uses = json_array(), *u;

	for (size_t i = 0; i < from->n; i++) {
		json_t *one = json_object();

		js_set_str(one, "name", from->v[i].name);
		js_set_hash(one, "sha256", &from->v[i].sha256);
		json_array_append_new(packages, one);
	}
	u = json_object();
	js_set_str(u, "recipe", "svc-000");
	js_set_str(u, "output", "program");
	js_set_hash(u, "sha256", &y->output[0][STAGE_BUILD]);
	json_array_append_new(uses, u);
	js_set_str(j, "stage", recipe_stage_name(p->stage));
	js_set_str(j, "arch", p->arch);
	js_set_str(j, "clock", "2020-01-01T00:00:00Z");
	js_set_str(j, "policy", recipe);
	js_set(j, "packages", packages);
	js_set(j, "sources", json_array());
	js_set(j, "uses", uses);
	js_set(j, "tree", json_array());
	return keep_json(y, j, &p->digest, err);
}

/* --- one plan --------------------------------------------------------------*/

static int
say(struct history *y, const struct plan *p, const struct hash *record,
    bool good, struct err *err)
{
	struct attest_row v[2];
	struct attest_rows rows = { .v = v, .n = 0 };
	struct attest a = { .plan = p, .judged = y->judged[good] };

	for (int i = good ? 0 : 1; i < 2; i++) {
		v[rows.n] = (struct attest_row){
			.run = *record, .provenance = i == 0, .of_run = true
		};
		history_digest(&v[rows.n].digest, "statement", y->serial++, i);
		rows.n++;
	}
	return attest_list(y->db, &a, &rows, err);
}

/* A part of all outputs stays what it was: a new compiler gives the same. */
static void
next_output(struct history *y, size_t r, enum recipe_stage stage, int64_t n)
{
	if (n == 0 || (n + (int64_t)r) % 10 >= 3)
		history_digest(&y->output[r][stage],
		    stage ? "image" : "program", (int64_t)r, n);
}

static int
run(struct history *y, size_t r, struct plan *p, char lane, bool good,
    bool kept, int64_t why, struct err *err)
{
	struct ledger_end e = { .succeeded = good,
		.finished = time_now(),
		.wall_ms = 9000 + y->runs % 7919,
		.cpu_ms = 8000 + y->runs % 6997,
		.max_rss_kib = 60000 + y->runs % 9973,
		.cause = good ? NULL : "exit",
		.message = good ? NULL : "build.sh ended with status 2",
		.noutputs = !good		      ? 0
			    : p->stage == STAGE_BUILD ? 2
						      : 1 };
	__typeof__(*e.outputs) outputs[2];
	struct hash environment;
	int64_t event;

	outputs[0].name = p->stage == STAGE_BUILD ? "program" : "image";
	outputs[0].sha256 = y->output[r][p->stage];
	outputs[0].size = 1000000 + 4096 * (y->runs % 3001);
	/* The same for ever, in every recipe: a licence. */
	outputs[1].name = "copyright";
	history_digest(&outputs[1].sha256, "copyright", 0, 0);
	outputs[1].size = 1500;
	e.outputs = outputs;
	history_digest(&environment, "environment", (int64_t)r, y->made[r] / 9);
	if (ledger_queue(y->db, &p->digest, lane, &e.id, err) == -1 ||
	    ledger_start(y->db, e.id, &environment, err) == -1)
		return -1;
	history_digest(&e.log, "log", e.id, 0);
	history_digest(&e.record, "run", e.id, 0);
	if (kept && keep_run(y, p, &e, lane, &environment, err) == -1)
		return -1;
	y->runs++;
	if (ledger_end(y->db, &e, err) == -1 ||
	    (!good && event_put(y->db, "run-failed", y->recipe[r].name, why,
			  &event, err, "lane %c of %s: %s (cause=exit)", lane,
			  recipe_stage_name(p->stage), e.message) == -1))
		return -1;
	return say(y, p, &e.record, good, err);
}

static int
one_plan(struct history *y, size_t r, enum recipe_stage stage,
    const struct lock *l, int64_t cycle, int64_t led, bool kept,
    struct err *err)
{
	struct plan p = { .stage = stage, .arch = "amd64" };
	const char *recipe = y->recipe[r].name;
	int64_t n = y->made[r], why;
	/* Two of a hundred plans fail, but never those that stand at the end,
	 * except of some recipes. */
	bool good =
	    n < y->locks - 1 ? (n + (int64_t)r) % 50 != 7 : r % 20 != 13;
	struct documents told = DOCUMENTS_INIT;
	struct hash record, before = y->output[r][stage];
	bool made;

	history_digest(&p.digest, stage ? "image" : "build",
	    (int64_t)r * 100000000 + n, 0);
	if (kept && keep_plan(y, &p, l, recipe, err) == -1)
		return -1;
	next_output(y, r, stage, n);
	made = memcmp(&before, &y->output[r][stage], sizeof(before)) != 0;
	if (event_put(y->db, "plan-made", recipe, led, &why, err,
		"%s of %s: its lock changed", recipe_stage_name(stage),
		recipe) == -1 ||
	    ledger_plan(y->db, recipe, &p, &l->digest, why, err) == -1 ||
	    run(y, r, &p, 'A', good, kept, why, err) == -1 ||
	    run(y, r, &p, 'B', good, kept, why, err) == -1)
		return -1;
	history_digest(&record, "verdict", y->runs, 0);
	if (kept && keep_json(y, y->judged[good], &record, err) == -1)
		return -1;
	if (ledger_judged(y->db, &p.digest, good ? "reproduced" : "failed",
		&record, err) == -1 ||
	    ledger_cycle_task(y->db, cycle, &p.digest, 2, 2, NULL, why, err) ==
		-1 ||
	    event_put(y->db, "verdict", recipe, why, &why, err, "%s of %s: %s",
		recipe_stage_name(stage), recipe,
		good ? "reproduced" : "failed") == -1 ||
	    ledger_told(y->db, recipe, stage, why, err) == -1)
		return -1;
	if (stage != STAGE_IMAGE || !good || !made)
		return 0;
	history_digest(&record, "release", (int64_t)r, n);
	struct closure_part part = { .plan = &p };
	const struct closure c = { &part, 1, 1 };
	return publish_add(y->db, &record, recipe, "1.0", &c, &told, why, err);
}

/* --- locks -----------------------------------------------------------------*/

static void
package(struct lock_package *p, size_t r, size_t i, int64_t n)
{
	/* Each lock has two newer packages than the one before. */
	int64_t version = (n + PACKAGES - (int64_t)i) / (PACKAGES / 2);

	p->name = mem_printf("lib%03zu-%02zu", i, i % 3 ? (size_t)0 : r);
	p->version = mem_printf("1.%lld-1", (long long)version);
	p->arch = mem_str("amd64");
	history_digest(&p->sha256, p->name, version, 0);
	p->size = 20000;
	p->path = mem_printf("pool/main/l/%s.deb", p->name);
	p->suite = mem_str(version % 5 == 1 ? "bookworm-security" : "bookworm");
}

static struct lock *
lock_of(struct history *y, size_t r, int64_t n)
{
	struct lock *l = mem_zero(1, sizeof(*l));

	l->recipe = mem_str(y->recipe[r].name);
	l->arch = mem_str("amd64");
	l->build.v = mem_zero(PACKAGES, sizeof(*l->build.v));
	l->image.v = mem_zero(PACKAGES / 4, sizeof(*l->image.v));
	for (l->build.n = 0; l->build.n < PACKAGES; l->build.n++)
		package(&l->build.v[l->build.n], r, l->build.n, n);
	for (l->image.n = 0; l->image.n < PACKAGES / 4; l->image.n++)
		package(&l->image.v[l->image.n], r, 4 * l->image.n, n);
	history_digest(&l->digest, "lock", (int64_t)r, n);
	return l;
}

static int
new_lock(
    struct history *y, size_t r, int64_t cycle, int64_t parent, struct err *err)
{
	int64_t n = y->made[r], event;
	bool kept = n >= y->locks - KEPT;
	auto_lock struct lock *before = lock_of(y, r, n ? n - 1 : 0);
	auto_lock struct lock *l = lock_of(y, r, n);
	struct lock_changes changes = { 0 };
	struct hash request;
	int rc;

	history_digest(&request, "request", (int64_t)r, 0);
	if (kept && lock_store(y->store, l, err) == -1)
		return -1;
	lock_diff(before, l, &changes);
	rc =
	    lock_changes_write(y->db, l->recipe, &changes, parent, &event, err);
	lock_changes_release(&changes);
	if (rc == -1 ||
	    lock_row_add(y->db, l, "archive", &request, event, err) == -1 ||
	    ledger_recipe(y->db, &y->recipe[r], &l->digest, event, err) == -1)
		return -1;
	for (enum recipe_stage s = STAGE_BUILD; s < STAGE_COUNT; s++) {
		struct ledger_task done = { .state = "done" };

		if (one_plan(y, r, s, l, cycle, event, kept, err) == -1 ||
		    ledger_task(y->db, l->recipe, s, &done, err) == -1)
			return -1;
	}
	y->made[r]++;
	return 0;
}

/* --- two years -------------------------------------------------------------*/

static int
cycle(struct history *y, int64_t n, struct err *err)
{
	struct ledger_cycle c = { .executed = AT_ONCE * RUNS_OF_LOCK,
		.needed = AT_ONCE * RUNS_OF_LOCK,
		.solved = AT_ONCE };
	int64_t id, since, event;

	if (event_put(y->db, "archive-changed", "bookworm", 0, &event, err,
		"bookworm has another index") == -1 ||
	    ledger_cycle_begin(y->db, &id, &since, err) == -1)
		return -1;
	for (int64_t i = 0; i < AT_ONCE; i++)
		if (new_lock(y, (size_t)((n * AT_ONCE + i) % RECIPES), id,
			event, err) == -1)
			return -1;
	return ledger_cycle_end(y->db, id, &c, err);
}

/* What an interrupted making left is gone on with. */
static int
skip(struct history *y, int64_t *done, struct err *err)
{
	static const char sql[] = "SELECT (SELECT count(*) FROM cycle),"
				  " (SELECT coalesce(max(id), 0) FROM run)";
	auto_stmt struct stmt *q = db_stmt(y->db, sql);

	if (stmt_step(q, err) != 1)
		return -1;
	*done = stmt_int(q, 0);
	y->runs = stmt_int(q, 1);
	y->serial = 2 * y->runs;
	for (int64_t i = 0; i < *done * AT_ONCE; i++) {
		size_t r = (size_t)(i % RECIPES);

		for (enum recipe_stage s = STAGE_BUILD; s < STAGE_COUNT; s++)
			next_output(y, r, s, y->made[r]);
		y->made[r]++;
	}
	return 0;
}

static int
cycles(struct history *y, int64_t n, struct err *err)
{
	int64_t first;

	if (skip(y, &first, err) == -1)
		return -1;
	for (int64_t i = first; i < n; i++) {
		history_clock(i, n);
		if (((i == first || i % TOGETHER == 0) &&
			db_begin(y->db, err) == -1) ||
		    cycle(y, i, err) == -1 ||
		    ((i + 1 == n || i % TOGETHER == TOGETHER - 1) &&
			db_commit(y->db, err) == -1))
			return -1;
	}
	return 0;
}

static int
work(struct history *y, const struct farm *farm, int64_t runs, struct err *err)
{
	auto_fd int dir = farm_dir(farm, "store", err);
	auto_free char *path = farm_file(farm, "farm.db");
	int64_t n = runs / (AT_ONCE * RUNS_OF_LOCK);

	y->locks = n * AT_ONCE / RECIPES;
	if (dir == -1 || !(y->store = store_open(dir, err)) ||
	    !(y->db =
		    db_open(path, farm_migrations, farm_migrations_count, err)))
		return -1;
	return cycles(y, n, err);
}

int
history_runs(const struct farm *farm, int64_t runs, struct err *err)
{
	static const char *const verdicts[] = { "failed", "reproduced" };
	struct history *y = mem_zero(1, sizeof(*y));
	int rc;

	for (size_t i = 0; i < RECIPES; i++) {
		struct recipe *r = &y->recipe[i];

		r->name = mem_printf("svc-%03zu", i);
		r->summary = "a service of the bench";
		/* That there is one says that the recipe could be read. */
		r->conf = (struct conf *)y;
		r->kind = RECIPE_SOURCE;
		history_digest(&r->tree_digest, "tree", (int64_t)i, 0);
	}
	for (size_t i = 0; i < 2; i++) {
		y->judged[i] = js_record_new("kiln/verdict", 1);
		js_set_str(y->judged[i], "verdict", verdicts[i]);
	}
	rc = work(y, farm, runs, err);
	for (size_t i = 0; i < RECIPES; i++)
		free(y->recipe[i].name);
	for (size_t i = 0; i < 2; i++)
		json_decref(y->judged[i]);
	db_close(y->db);
	store_free(y->store);
	free(y);
	return rc;
}
