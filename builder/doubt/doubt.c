#include "builder/doubt/doubt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/bake/policy.h"
#include "builder/doubt/bundle.h"
#include "builder/doubt/proof.h"
#include "builder/plan/arch.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define ORIGIN_MAX ((size_t)16 << 20)
#define RECORD_MAX ((int64_t)16 << 20)

const char *
doubt_outcome_name(enum doubt_outcome o)
{
	static const char *const names[] = { "open", "reproduced", "differs",
		"failed" };

	return names[o];
}

/* --- what has to be built ------------------------------------------------ */

static int
ask_origin(struct doubt *d, const struct wish *w, struct err *err)
{
	char hex[HASH_HEX];
	auto_free char *name = NULL, *path = NULL;
	auto_buf struct buf text = BUF_INIT;
	int status = 0;

	hash_hex(&w->digest, hex);
	name =
	    w->kind == WISH_RUN ? mem_printf("%" PRId64, w->run) : mem_str(hex);
	path = mem_printf("api/v1/origin/%s", name);
	if (bytes_ask(&d->bytes, path, ORIGIN_MAX, &text, &status, err) == -1)
		return -1;
	if (status == 404)
		return err_set(err, ERR_MISSING,
		    "%s has no record of a build that gave %s%s", d->bytes.from,
		    w->kind == WISH_RUN ? "outputs as number " : "", name);
	if (status != 200)
		return err_set(err, ERR_BUSY, "%s%s: the server answers %d",
		    d->bytes.from, path, status);
	if (origin_read(&d->origin, "origin", text.data, text.len, err) == -1)
		return -1;
	if (w->kind != WISH_RUN &&
	    (!d->origin.by_digest ||
		!hash_equal(&d->origin.digest, &w->digest)))
		return err_set(err, ERR_TRUST,
		    "origin: the server was asked for %s and tells of another",
		    name);
	return 0;
}

static void
add_expected(struct doubt_plan *p, const char *name, const struct hash *sha256)
{
	for (size_t i = 0; i < p->nexpected; i++)
		if (strcmp(p->expected[i].name, name) == 0 &&
		    hash_equal(&p->expected[i].sha256, sha256))
			return;
	MEM_GROW(p->expected, p->nexpected, p->capexpected);
	p->expected[p->nexpected++] = (struct doubt_expected){ name, *sha256 };
}

/* What was asked for by its digest has to come out; of a build, all of it. */
static int
expect_wanted(struct doubt *d, struct err *err)
{
	struct doubt_plan *last = &d->plans[d->nplans - 1];
	const struct origin_plan *o = last->origin;

	for (size_t i = 0; i < o->noutputs; i++)
		if (!d->origin.by_digest ||
		    hash_equal(&o->outputs[i].sha256, &d->origin.digest))
			add_expected(
			    last, o->outputs[i].name, &o->outputs[i].sha256);
	if (last->nexpected == 0)
		return err_set(err, ERR_INPUT,
		    "origin: its last plan does not give what was asked for");
	return 0;
}

static int
find_use(struct doubt *d, size_t i, size_t u, struct err *err)
{
	struct doubt_plan *p = &d->plans[i];
	const struct plan_use *use = &p->plan->uses[u];
	char hex[HASH_HEX];

	for (size_t k = 0; k < i; k++) {
		const struct origin_plan *o = d->plans[k].origin;

		for (size_t n = 0; n < o->noutputs; n++) {
			if (strcmp(o->outputs[n].name, use->output) != 0 ||
			    !hash_equal(&o->outputs[n].sha256, &use->sha256))
				continue;
			p->uses[u] = k;
			add_expected(&d->plans[k], use->output, &use->sha256);
			return 0;
		}
	}
	hash_hex(&use->sha256, hex);
	return err_set(err, ERR_MISSING,
	    "origin: nothing says what %s of %s (%.12s) was built from",
	    use->output, use->recipe, hex);
}

static int
check_plan(const struct plan *p, struct err *err)
{
	const char *arch = arch_own(err);
	struct hash policy;
	char is[HASH_HEX], ours[HASH_HEX];

	if (!arch)
		return -1;
	if (strcmp(arch, p->on ? p->on : p->arch) != 0)
		return err_set(err, ERR_BUSY,
		    "it was built on %s, and this machine is %s",
		    p->on ? p->on : p->arch, arch);
	policy_digest(&policy);
	if (hash_equal(&policy, &p->policy))
		return 0;
	hash_hex(&p->policy, is);
	hash_hex(&policy, ours);
	return err_set(err, ERR_BUSY,
	    "it was built by the rules %.12s of another kiln, this one's are "
	    "%.12s: take the kiln of that time",
	    is, ours);
}

static int
load_plan(struct doubt *d, size_t i, struct err *err)
{
	struct doubt_plan *p = &d->plans[i];
	struct store *st = d->at->store;
	auto_free char *what =
	    mem_printf("plan %zu, of %s", i + 1, p->origin->recipe);

	if (bytes_blob(&d->bytes, &p->origin->plan, -1, what, err) == -1 ||
	    !(p->plan = plan_load(st, &p->origin->plan, err)))
		return -1;
	if (check_plan(p->plan, err) == -1)
		return err_prefix(err, "%s", p->origin->recipe);
	for (size_t k = 0; k < i && !p->lock; k++)
		if (hash_equal(&d->plans[k].origin->lock, &p->origin->lock))
			p->lock = d->plans[k].lock;
	if (!p->lock) {
		if (bytes_blob(&d->bytes, &p->origin->lock, -1, "lock", err) ==
			-1 ||
		    !(p->lock = lock_load(st, &p->origin->lock, err)))
			return err_prefix(err, "lock of %s", p->origin->recipe);
		p->owns_lock = true;
	}
	p->uses = mem_zero(p->plan->nuses + 1, sizeof(*p->uses));
	for (size_t u = 0; u < p->plan->nuses; u++)
		if (find_use(d, i, u, err) == -1)
			return -1;
	return 0;
}

static int
load_plans(struct doubt *d, struct err *err)
{
	d->plans = mem_zero(d->origin.nplans, sizeof(*d->plans));
	for (; d->nplans < d->origin.nplans; d->nplans++)
		d->plans[d->nplans].origin = &d->origin.plans[d->nplans];
	for (size_t i = 0; i < d->nplans; i++) {
		doubter_tell(d->at, "asking for plans", "", (int64_t)i,
		    (int64_t)d->nplans, "plans");
		if (load_plan(d, i, err) == -1)
			return -1;
	}
	return expect_wanted(d, err);
}

static void
came(void *arg, int64_t done, int64_t total)
{
	const struct doubt *d = arg;

	(void)total;
	doubter_tell(d->at, "fetching", "", d->bytes.size + done, -1, "B");
}

int
doubt_load(struct doubt *d, struct doubter *at, const struct doubt_order *o,
    struct err *err)
{
	d->at = at;
	d->bytes = (struct bytes){ .archive = &at->archive,
		.from = o->from,
		.progress = came,
		.arg = d };
	if (ask_origin(d, o->wish, err) == -1)
		return -1;
	return load_plans(d, err);
}

int
doubt_load_stored(struct doubt *d, struct doubter *at, const char *what,
    const struct buf *origin, struct err *err)
{
	d->at = at;
	d->bytes = (struct bytes){ .archive = &at->archive, .offline = true };
	if (origin_read(&d->origin, what, origin->data, origin->len, err) == -1)
		return -1;
	return load_plans(d, err);
}

int
doubt_load_bundle(
    struct doubt *d, struct doubter *at, struct bundle *b, struct err *err)
{
	d->bundle = b;
	return doubt_load_stored(d, at, BUNDLE_ORIGIN, &b->origin, err);
}

/* --- what it rests on ---------------------------------------------------- */

int
doubt_prove(struct doubt *d, struct err *err)
{
	for (size_t i = 0; i < d->nplans; i++) {
		struct doubt_plan *p = &d->plans[i];

		doubter_tell(d->at, "checking the proof", p->origin->recipe,
		    (int64_t)i, (int64_t)d->nplans, "plans");
		if (p->owns_lock && proof_lock(&d->bytes, p->lock, err) == -1)
			return -1;
		if (proof_plan(p->plan, p->lock, err) == -1)
			return err_prefix(err, "%s", p->origin->recipe);
	}
	return 0;
}

bool
doubt_is_published(const struct doubt *d)
{
	return d->origin.service ||
	       d->plans[d->nplans - 1].plan->stage == STAGE_IMAGE;
}

/* "timestamp.json" and so on, of the server. */
static int
metadata(void *arg, const char *url, int64_t limit, struct buf *out,
    int *status, struct err *err)
{
	struct doubt *d = arg;
	auto_free char *path =
	    mem_printf("tuf/metadata/%s", url + strspn(url, "/"));

	return bytes_ask(&d->bytes, path, (size_t)limit, out, status, err);
}

int
doubt_name(struct doubt *d, const struct doubt_trust *t, struct err *err)
{
	const struct doubt_plan *last = &d->plans[d->nplans - 1];
	const char *where = d->bundle ? "the bundle" : d->bytes.from;
	auto_fd int dir = -1;
	struct naming_order o = { .where = where,
		.service = d->origin.service,
		.arch = last->plan->arch,
		.root = t->root,
		.tofu = t->tofu,
		/* A bundle outlives what it holds. */
		.now = d->bundle ? 0 : time_now(),
		.get = d->bundle ? bundle_metadata : metadata,
		.arg = d->bundle ? (void *)d->bundle : d };

	if (!d->bundle &&
	    (dir = dir_make_at(d->at->workdir, "trust", 0755, err)) == -1)
		return -1;
	o.dirfd = dir;
	if (!d->origin.service)
		return err_set(
		    err, ERR_TRUST, "no release of %s names this image", where);
	doubter_tell(
	    d->at, "checking who names it", d->origin.service, 0, -1, "roles");
	for (size_t i = 0; i < last->nexpected; i++) {
		o.image = &last->expected[i].sha256;
		if (naming_check(&o, &d->naming, err) == -1)
			return -1;
	}
	d->named = true;
	return 0;
}

/* --- the end ------------------------------------------------------------- */

void
doubt_release(struct doubt *d)
{
	for (size_t i = 0; i < d->nplans; i++) {
		struct doubt_plan *p = &d->plans[i];

		for (size_t k = 0; k < p->nruns; k++) {
			json_decref(p->runs[k].record);
			build_result_release(&p->runs[k].result);
		}
		plan_free(p->plan);
		if (p->owns_lock)
			lock_free(p->lock);
		env_release(&p->env);
		free(p->expected);
		free(p->uses);
	}
	free(d->plans);
	origin_release(&d->origin);
	*d = (struct doubt){ 0 };
}
