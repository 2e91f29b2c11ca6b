/* Building all of it again: who may start, and what came out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/bake/lane.h"
#include "builder/doubt/doubt.h"
#include "builder/doubt/proof.h"
#include "lib/mem.h"
#include "lib/num.h"

#define WAIT_MS 250
#define HOUR 3600

static bool
told_to_stop(const struct doubt *d)
{
	return d->at->stop && atomic_load(d->at->stop);
}

static int
stopped(struct err *err)
{
	return err_set(err, ERR_BUSY, "told to stop");
}

void
doubt_limits(struct build_order *o)
{
	int64_t memory =
	    (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 8 * 3;
	struct budget b = { .memory = memory,
		.wall = 24 * HOUR,
		.log = (int64_t)256 << 20,
		.output = (int64_t)8 << 30 };

	build_limits(&b, &o->process_memory, &o->limits);
}

/* --- starting ------------------------------------------------------------ */

static bool
may_start(const struct doubt *d, const struct doubt_plan *p)
{
	if (p->outcome != DOUBT_OPEN)
		return false;
	for (size_t u = 0; u < p->plan->nuses; u++)
		if (d->plans[p->uses[u]].outcome != DOUBT_REPRODUCED)
			return false;
	return true;
}

/* A's before B's, plans in their order. */
static bool
next_run(
    const struct doubt *d, struct doubt_plan **plan, struct doubt_run **run)
{
	for (size_t i = 0; i < d->nplans; i++) {
		if (!may_start(d, &d->plans[i]))
			continue;
		for (size_t k = 0; k < d->plans[i].nruns; k++)
			if (!d->plans[i].runs[k].started) {
				*plan = &d->plans[i];
				*run = &d->plans[i].runs[k];
				return true;
			}
	}
	return false;
}

struct unpacking {
	struct doubter *at;
	const char *recipe;
};

static void
unpacked(void *arg, int64_t done, int64_t total)
{
	const struct unpacking *u = arg;

	doubter_tell(u->at, "unpacking the environment", u->recipe, done, total,
	    "packages");
}

static int
make_env(struct doubt *d, struct doubt_plan *p, struct err *err)
{
	struct env_package *list =
	    mem_zero(p->plan->npackages + 1, sizeof(*list));
	struct unpacking u = { d->at, p->origin->recipe };
	struct env_place at = d->at->env;
	int rc;

	for (size_t i = 0; i < p->plan->npackages; i++)
		list[i] = (struct env_package){ p->plan->packages[i].name,
			p->plan->packages[i].sha256 };
	at.progress = unpacked;
	at.arg = &u;
	rc = env_make(&at, list, p->plan->npackages, &p->env, err);
	/* What stayed from an earlier time is read in full again. */
	if (rc == 0)
		rc = env_check(
		    &at, list, p->plan->npackages, 0, p->plan->npackages, err);
	free(list);
	return rc;
}

static int
start(struct doubt *d, struct doubt_plan *p, struct doubt_run *run,
    struct work_slot *slot, struct err *err)
{
	struct build_order o = { .id = d->at->next_id++,
		.plan = p->plan,
		.lane = run->lane,
		.vary = run->lane == 'A' ? VARY_NONE : VARY_ALL,
		.first_cpu = (int)(slot - d->at->work.slots),
		.apart = &p->apart,
		.stop = &p->stop };

	if (!p->env.root && make_env(d, p, err) == -1)
		return err_prefix(err, "environment of %s", p->origin->recipe);
	o.environment = p->env.digest;
	o.root = p->env.root;
	doubt_limits(&o);
	if (work_ready(&d->at->work, err) == -1 ||
	    work_start(slot, &o, 0, p, err) == -1)
		return -1;
	run->started = true;
	return 0;
}

/* --- judging ------------------------------------------------------------- */

static const struct output *
output_of(const struct doubt_run *r, const char *name)
{
	for (size_t i = 0; i < r->result.outputs.n; i++)
		if (strcmp(r->result.outputs.v[i].name, name) == 0)
			return &r->result.outputs.v[i];
	return NULL;
}

static void
differs(struct doubt *d, struct doubt_plan *p, const struct doubt_run *r,
    const struct doubt_expected *e, const struct output *o)
{
	p->outcome = e ? DOUBT_DIFFERS : DOUBT_FAILED;
	if (d->difference.plan)
		return;
	d->difference = (struct doubt_difference){ .plan = p, .run = r };
	if (!e)
		return;
	d->difference.output = e->name;
	d->difference.expected = e->sha256;
	if (o)
		d->difference.got = o->sha256;
}

static void
judge(struct doubt *d, struct doubt_plan *p)
{
	for (size_t k = 0; k < p->nruns; k++)
		if (!p->runs[k].ended)
			return;
	for (size_t k = 0; k < p->nruns; k++)
		if (!p->runs[k].result.succeeded) {
			differs(d, p, &p->runs[k], NULL, NULL);
			return;
		}
	for (size_t k = 0; k < p->nruns; k++)
		for (size_t i = 0; i < p->nexpected; i++) {
			const struct doubt_expected *e = &p->expected[i];
			const struct output *o =
			    output_of(&p->runs[k], e->name);

			if (o && hash_equal(&o->sha256, &e->sha256))
				continue;
			differs(d, p, &p->runs[k], e, o);
			return;
		}
	p->outcome = DOUBT_REPRODUCED;
}

static int
ended(struct doubt *d, struct work_slot *s, struct err *err)
{
	struct doubt_plan *p = s->owner;
	struct doubt_run *run = NULL;

	for (size_t k = 0; k < p->nruns; k++)
		if (p->runs[k].lane == s->order.lane)
			run = &p->runs[k];
	if (s->rc == -1) {
		*err = s->err;
		err_prefix(
		    err, "%s, lane %c", p->origin->recipe, s->order.lane);
		work_done(s);
		return -1;
	}
	if (s->result.stopped) {
		work_done(s);
		return stopped(err);
	}
	run->result = s->result; /* with its outputs */
	s->result.outputs = (struct outputs){ 0 };
	run->record = build_record(&s->order, &run->result, d->at->builder);
	run->ended = true;
	work_done(s);
	judge(d, p);
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static void
say_running(struct doubt *d)
{
	const struct work *w = &d->at->work;

	for (int i = 0; i < w->nslots; i++) {
		const struct work_slot *s = &w->slots[i];
		const struct doubt_plan *p = s->owner;
		char subject[300];

		if (!s->busy)
			continue;
		snprintf(subject, sizeof(subject), "%s %s, lane %c",
		    p->origin->recipe, recipe_stage_name(p->plan->stage),
		    s->order.lane);
		doubter_tell(d->at, "building", subject,
		    time_mono_ms() - s->started_ms, -1, "ms");
	}
}

static void
stop_all(struct doubt *d)
{
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < d->nplans; i++)
		atomic_store(&d->plans[i].stop, true);
	while (d->at->work.nbusy > 0) {
		struct work_slot *s = work_wait(&d->at->work, -1);

		if (s && ended(d, s, &ignored) == -1)
			err_clear(&ignored);
	}
}

/* Until nothing is left to do, or something did not come out. */
static int
build(struct doubt *d, struct err *err)
{
	for (;;) {
		struct doubt_plan *p;
		struct doubt_run *run;
		struct work_slot *s;

		while (!d->difference.plan && (s = work_free(&d->at->work)) &&
		       next_run(d, &p, &run))
			if (start(d, p, run, s, err) == -1)
				return -1;
		if (d->at->work.nbusy == 0)
			return 0;
		say_running(d);
		s = work_wait(&d->at->work, WAIT_MS);
		if (s && ended(d, s, err) == -1)
			return -1;
		if (told_to_stop(d))
			return stopped(err);
		if (d->difference.plan)
			return 0;
	}
}

static int
fetch(struct doubt *d, struct err *err)
{
	for (size_t i = 0; i < d->nplans; i++)
		if (proof_inputs(&d->bytes, d->plans[i].plan, d->plans[i].lock,
			err) == -1)
			return err_prefix(
			    err, "%s", d->plans[i].origin->recipe);
	return 0;
}

static enum doubt_outcome
outcome(const struct doubt *d)
{
	if (d->difference.plan)
		return d->difference.plan->outcome;
	return d->plans[d->nplans - 1].outcome;
}

int
doubt_run(struct doubt *d, const char *lanes, struct err *err)
{
	int64_t began;
	int rc;

	for (size_t i = 0; i < d->nplans; i++) {
		struct doubt_plan *p = &d->plans[i];

		for (const char *l = lanes; *l && p->nruns < DOUBT_LANES; l++)
			p->runs[p->nruns++].lane = *l;
	}
	if (fetch(d, err) == -1)
		return -1;
	began = time_mono_ms();
	rc = build(d, err);
	stop_all(d);
	d->wall_ms = time_mono_ms() - began;
	if (rc == -1)
		return -1;
	d->outcome = outcome(d);
	return 0;
}

void
doubt_forget(struct doubt *d)
{
	struct store *st = d->at ? d->at->store : NULL;
	struct err ignored = ERR_INIT;

	for (size_t i = 0; st && i < d->nplans; i++)
		for (size_t k = 0; k < d->plans[i].nruns; k++) {
			const struct doubt_run *r = &d->plans[i].runs[k];

			if (!r->ended)
				continue;
			for (size_t o = 0; o < r->result.outputs.n; o++)
				if (store_remove(st,
					&r->result.outputs.v[o].sha256,
					&ignored) == -1)
					err_clear(&ignored);
			if (store_remove(st, &r->result.log, &ignored) == -1)
				err_clear(&ignored);
		}
}
