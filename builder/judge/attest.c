#include "builder/judge/attest.h"

#include <stdlib.h>
#include <string.h>

#include "builder/judge/sbom.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define STATEMENT "https://in-toto.io/Statement/v1"
#define PROVENANCE "https://slsa.dev/provenance/v1"
#define REPRODUCTION "urn:kiln:reproduction:v1"
#define BUILD_TYPE "urn:kiln:plan:v2"
#define BUILDER "urn:kiln:builder:"

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static json_t *
copy_of(const json_t *j, const char *key)
{
	const json_t *value = json_object_get(j, key);

	return value ? json_deep_copy(value) : json_null();
}

/* --- in-toto's ResourceDescriptor -------------------------------------- */

static json_t *
resource(const char *name, const char *uri, const char *sha256)
{
	json_t *j = json_object(), *digest = json_object();

	js_set_str(j, "name", name);
	if (uri)
		js_set_str(j, "uri", uri);
	if (sha256)
		js_set_str(digest, "sha256", sha256);
	js_set(j, "digest", digest);
	return j;
}

static void KILN_PRINTF(4, 5) add(json_t *list, const struct hash *sha256,
    const char *uri, const char *fmt, ...)
{
	auto_buf struct buf name = BUF_INIT;
	char hex[HASH_HEX];
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&name, fmt, ap);
	va_end(ap);
	hash_hex(sha256, hex);
	json_array_append_new(list, resource(name.data, uri, hex));
}

/* What a run left; of one that left nothing, the plan that it was to do: a
 * statement without a subject is none (in-toto Statement v1). */
static json_t *
subject_of(const struct attest *a, const struct verdict_run *run)
{
	json_t *list = json_array();
	const json_t *outputs =
	    json_object_get(run ? run->record : NULL, "outputs");

	for (size_t i = 0; i < json_array_size(outputs); i++) {
		const json_t *one = json_array_get(outputs, i);

		json_array_append_new(list, resource(text_of(one, "name"), NULL,
						text_of(one, "sha256")));
	}
	if (json_array_size(list) == 0)
		add(list, &a->plan->digest, NULL, "plan");
	return list;
}

static json_t *
statement(const struct attest *a, const struct verdict_run *run,
    const char *type, json_t *predicate)
{
	json_t *j = json_object();

	js_set_str(j, "_type", STATEMENT);
	js_set(j, "subject", subject_of(a, run));
	js_set_str(j, "predicateType", type);
	js_set(j, "predicate", predicate);
	return j;
}

/* --- where outputs came from ------------------------------------------- */

static const struct lock_package *
locked(const struct lock_packages *l, const struct hash *sha256)
{
	for (size_t i = 0; i < l->n; i++)
		if (hash_equal(&l->v[i].sha256, sha256))
			return &l->v[i];
	return NULL;
}

static int
add_packages(json_t *list, const struct attest *a, struct err *err)
{
	const struct lock_packages *l =
	    a->plan->stage == STAGE_BUILD ? &a->lock->build : &a->lock->image;

	for (size_t i = 0; i < a->plan->npackages; i++) {
		const struct plan_package *p = &a->plan->packages[i];
		const struct lock_package *of = locked(l, &p->sha256);
		auto_buf struct buf purl = BUF_INIT;

		if (!of)
			return err_set(err, ERR_INPUT,
			    "package %s of the plan is not in its lock",
			    p->name);
		sbom_purl(of->name, of->version, of->arch, &purl);
		add(list, &p->sha256, purl.data, "packages/%s", p->name);
	}
	return 0;
}

/* The tar is a function of a tree that the commit names. */
static void
add_commit(json_t *list, const struct lock_git *g)
{
	auto_free char *name = mem_printf("git/%s", g->file);
	auto_free char *uri = mem_printf("git+%s@%s", g->url, g->commit);
	json_t *j = resource(name, uri, NULL);
	json_t *digest = json_object_get(j, "digest");

	js_set_str(digest, "gitCommit", g->commit);
	js_set_str(digest, "gitTree", g->tree);
	json_array_append_new(list, j);
}

static int
add_source(json_t *list, const struct lock *l, const struct plan_source *s,
    struct err *err)
{
	for (size_t i = 0; i < l->sources.n; i++)
		if (hash_equal(&l->sources.v[i].sha256, &s->sha256)) {
			add(list, &s->sha256, NULL, "sources/%s", s->file);
			return 0;
		}
	for (size_t i = 0; i < l->git.n; i++)
		if (hash_equal(&l->git.v[i].sha256, &s->sha256)) {
			add(list, &s->sha256, NULL, "sources/%s", s->file);
			add_commit(list, &l->git.v[i]);
			return 0;
		}
	for (size_t i = 0; i < l->files.n; i++)
		if (hash_equal(&l->files.v[i].sha256, &s->sha256)) {
			add(list, &s->sha256, l->files.v[i].url, "sources/%s",
			    s->file);
			return 0;
		}
	return err_set(err, ERR_INPUT,
	    "source %s of the plan is not in its lock", s->file);
}

/* Every input by digest, in the order of the plan. */
static int
add_inputs(json_t *list, const struct attest *a, struct err *err)
{
	const struct plan *p = a->plan;

	add(list, &p->digest, NULL, "plan");
	add(list, &a->lock->digest, NULL, "lock");
	add(list, &p->policy, NULL, "policy");
	for (size_t i = 0; i < p->ntree; i++)
		add(list, &p->tree[i].sha256, NULL, "recipe/%s",
		    p->tree[i].path);
	if (add_packages(list, a, err) == -1)
		return -1;
	for (size_t i = 0; i < p->nsources; i++)
		if (add_source(list, a->lock, &p->sources[i], err) == -1)
			return -1;
	for (size_t i = 0; i < p->nuses; i++)
		add(list, &p->uses[i].sha256, NULL, "uses/%s/%s",
		    p->uses[i].recipe, p->uses[i].output);
	return 0;
}

static json_t *
definition(const struct attest *a, const json_t *run, json_t *inputs)
{
	json_t *j = json_object(), *asked = json_object(), *own = json_object();
	char clock[TIME_TEXT];

	time_text(a->plan->clock, clock);
	js_set_str(asked, "recipe", a->lock->recipe);
	js_set_str(asked, "stage", recipe_stage_name(a->plan->stage));
	js_set_str(asked, "arch", a->plan->arch);
	js_set_str(asked, "clock", clock);
	js_set_hash(asked, "plan", &a->plan->digest);
	js_set(own, "environment", copy_of(run, "environment"));
	js_set(own, "lane", copy_of(run, "lane"));
	js_set(own, "variations", copy_of(run, "variations"));
	js_set_str(j, "buildType", BUILD_TYPE);
	js_set(j, "externalParameters", asked);
	js_set(j, "internalParameters", own);
	js_set(j, "resolvedDependencies", inputs);
	return j;
}

static json_t *
details(const struct verdict_run *run)
{
	json_t *j = json_object(), *builder = json_object(),
	       *meta = json_object(), *left = json_array();
	auto_free char *id =
	    mem_printf(BUILDER "%s", text_of(run->record, "builder"));
	char hex[HASH_HEX];

	hash_hex(&run->digest, hex);
	js_set_str(builder, "id", id);
	js_set_str(meta, "invocationId", hex);
	js_set(meta, "startedOn", copy_of(run->record, "started"));
	js_set(meta, "finishedOn", copy_of(run->record, "finished"));
	json_array_append_new(left, resource("run", NULL, hex));
	json_array_append_new(
	    left, resource("log", NULL, text_of(run->record, "log")));
	js_set(j, "builder", builder);
	js_set(j, "metadata", meta);
	js_set(j, "byproducts", left);
	return j;
}

json_t *
attest_provenance(
    const struct attest *a, const struct verdict_run *run, struct err *err)
{
	json_t *inputs = json_array(), *j;

	if (add_inputs(inputs, a, err) == -1) {
		json_decref(inputs);
		return NULL;
	}
	j = json_object();
	js_set(j, "buildDefinition", definition(a, run->record, inputs));
	js_set(j, "runDetails", details(run));
	return statement(a, run, PROVENANCE, j);
}

/* --- what building again gave ------------------------------------------ */

/* Classes, not names: whoever compares wants to know how different the
 * machines were. */
static json_t *
machine(const json_t *run)
{
	const json_t *of = json_object_get(run, "machine");
	json_t *j = json_object();

	js_set(j, "cpu", copy_of(of, "cpu"));
	js_set(j, "kernel", copy_of(of, "kernel"));
	return j;
}

json_t *
attest_reproduction(
    const struct attest *a, const struct verdict_run *run, struct err *err)
{
	static const char *const of_run[] = { "builder", "cause", "environment",
		"lane", "log", "outcome" };
	static const char *const of_verdict[] = { "differs", "lanes",
		"not_varied", "runs", "varied", "verdict" };
	const json_t *record = run ? run->record : NULL;
	json_t *j;
	const char *verdict;

	if (js_str("verdict", a->judged, "verdict", &verdict, err) == -1)
		return NULL;
	j = json_object();
	for (size_t i = 0; i < ARRAY_LEN(of_run); i++)
		js_set(j, of_run[i], copy_of(record, of_run[i]));
	for (size_t i = 0; i < ARRAY_LEN(of_verdict); i++)
		js_set(j, of_verdict[i], copy_of(a->judged, of_verdict[i]));
	js_set(j, "machine", record ? machine(record) : json_null());
	js_set_hash(j, "plan", &a->plan->digest);
	js_set_hash(j, "judged", a->record);
	if (run)
		js_set_hash(j, "run", &run->digest);
	else
		js_set(j, "run", json_null());
	return statement(a, run, REPRODUCTION, j);
}

/* --- store and farm.db ------------------------------------------------- */

void
attest_rows_release(struct attest_rows *r)
{
	free(r->v);
	*r = (struct attest_rows)ATTEST_ROWS_INIT;
}

/* Takes the reference; NULL: making it failed. */
static int
put(struct store *store, json_t *made, const struct verdict_run *run,
    bool provenance, struct attest_rows *rows, struct err *err)
{
	auto_json json_t *j = made;
	auto_buf struct buf text = BUF_INIT;
	struct attest_row *r = &rows->v[rows->n];

	if (!j || canon_json(j, &text, err) == -1 ||
	    store_put_bytes(store, text.data, text.len, &r->digest, err) == -1)
		return -1;
	r->provenance = provenance;
	r->of_run = run != NULL;
	if (run)
		r->run = run->digest;
	rows->n++;
	return 0;
}

int
attest_store(struct store *store, const struct attest *a,
    const struct verdict_run *runs, size_t n, struct attest_rows *rows,
    struct err *err)
{
	rows->v = mem_zero(2 * n + 1, sizeof(*rows->v));
	if (n == 0)
		return put(store, attest_reproduction(a, NULL, err), NULL,
		    false, rows, err);
	for (size_t i = 0; i < n; i++) {
		const struct verdict_run *r = &runs[i];
		bool good =
		    strcmp(text_of(r->record, "outcome"), "succeeded") == 0;

		if ((good && put(store, attest_provenance(a, r, err), r, true,
				 rows, err) == -1) ||
		    put(store, attest_reproduction(a, r, err), r, false, rows,
			err) == -1)
			return err_prefix(err, "attest");
	}
	return 0;
}

int
attest_list(struct db *db, const struct attest *a,
    const struct attest_rows *rows, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO attestation"
	    "(digest, plan, run, predicate, verdict, at)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (digest) DO NOTHING";

	for (size_t i = 0; i < rows->n; i++) {
		const struct attest_row *r = &rows->v[i];
		auto_stmt struct stmt *q = db_stmt(db, sql);

		stmt_bind_hash(q, 1, &r->digest);
		stmt_bind_hash(q, 2, &a->plan->digest);
		if (r->of_run)
			stmt_bind_hash(q, 3, &r->run);
		stmt_bind_str(
		    q, 4, r->provenance ? "provenance" : "reproduction");
		/* Where something came from is no judgement. */
		if (!r->provenance)
			stmt_bind_str(q, 5, text_of(a->judged, "verdict"));
		stmt_bind_int(q, 6, time_now());
		if (stmt_run(q, err) == -1)
			return -1;
	}
	return 0;
}
