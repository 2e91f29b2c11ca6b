#include "builder/doubt/saying.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "builder/judge/attest.h"
#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/statement.h"

#define FOLDER "said"

/* --- made -------------------------------------------------------------------
 */

/* Of the outputs of a run that are others than was claimed: both digests. */
static json_t *
others(const struct doubt_plan *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->nexpected; i++)
		for (size_t k = 0; k < p->nruns; k++) {
			const struct outputs *o = &p->runs[k].result.outputs;

			for (size_t n = 0; n < o->n; n++) {
				const struct doubt_expected *e =
				    &p->expected[i];
				char a[HASH_HEX], b[HASH_HEX];

				if (strcmp(o->v[n].name, e->name) != 0 ||
				    hash_equal(&o->v[n].sha256, &e->sha256))
					continue;
				hash_hex(&e->sha256, a);
				hash_hex(&o->v[n].sha256, b);
				json_array_append_new(list,
				    json_pack("{s:s,s:[s,s]}", "name", e->name,
					"digests", strcmp(a, b) < 0 ? a : b,
					strcmp(a, b) < 0 ? b : a));
				k = p->nruns - 1;
				break;
			}
		}
	return list;
}

static int
write_one(int dir, const struct attest *a, const struct verdict_run *run,
    struct err *err)
{
	auto_json json_t *j = attest_reproduction(a, run, err);
	auto_buf struct buf text = BUF_INIT;
	char name[HASH_HEX];
	struct hash h;

	if (!j || canon_json(j, &text, err) == -1)
		return -1;
	hash_bytes(&h, text.data, text.len);
	hash_hex(&h, name);
	return file_write_at(dir, name, text.data, text.len, 0600, err);
}

static int
put_plan(int dir, const struct doubt_plan *p, struct err *err)
{
	struct verdict_run runs[DOUBT_LANES];
	auto_json json_t *judged = NULL;
	struct attest a = { .plan = p->plan, .lock = p->lock };
	enum verdict v;
	struct hash record;
	size_t n = 0;

	for (size_t k = 0; k < p->nruns; k++) {
		if (!p->runs[k].ended)
			continue;
		runs[n].record = p->runs[k].record;
		if (canon_hash(runs[n].record, &runs[n].digest, err) == -1)
			return -1;
		n++;
	}
	if (n == 0)
		return 0;
	judged = verdict_make(&p->plan->digest, runs, n, &v, err);
	if (!judged)
		return -1;
	if (p->outcome == DOUBT_DIFFERS && v != VERDICT_DIFFERS) {
		js_set_str(judged, "verdict", verdict_name(VERDICT_DIFFERS));
		js_set(judged, "outputs", json_array());
		js_set(judged, "differs", others(p));
	}
	if (canon_hash(judged, &record, err) == -1)
		return -1;
	a.judged = judged;
	a.record = &record;
	for (size_t k = 0; k < n; k++)
		if (write_one(dir, &a, &runs[k], err) == -1)
			return -1;
	return 0;
}

int
saying_put(const struct doubt *d, int workdir, struct err *err)
{
	auto_fd int dir = dir_make_at(workdir, FOLDER, 0700, err);

	if (dir == -1)
		return -1;
	for (size_t i = 0; i < d->nplans; i++)
		if (put_plan(dir, &d->plans[i], err) == -1)
			return err_prefix(err, "what is said of %s",
			    d->plans[i].origin->recipe);
	return 0;
}

/* --- handed on --------------------------------------------------------------
 */

static int
list(int dir, json_t *names, struct err *err)
{
	auto_dir DIR *d = dir_list_at(dir, ".", err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d))) {
		struct hash h;

		if (hash_parse(&h, e->d_name))
			json_array_append_new(names, json_string(e->d_name));
	}
	return errno ? err_sys(err, "list what is said") : 0;
}

int
saying_each(int workdir, saying_fn *fn, void *arg, struct err *err)
{
	auto_fd int dir = dir_make_at(workdir, FOLDER, 0700, err);
	auto_json json_t *names = json_array();

	if (dir == -1 || list(dir, names, err) == -1)
		return -1;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		auto_buf struct buf text = BUF_INIT;
		struct hash h;
		int rc;

		if (!hash_parse(&h, name) ||
		    file_read_at(dir, name, STATEMENT_MAX, &text, err) == -1)
			return -1;
		rc = fn(arg, &h, &text, err);
		if (rc == -1 ||
		    (rc == 1 && file_remove_at(dir, name, err) == -1))
			return -1;
	}
	return 0;
}
