#include "builder/doubt/explain.h"

#include <string.h>

#include "builder/bake/lane.h"
#include "builder/judge/cause.h"
#include "builder/judge/deep.h"
#include "builder/judge/differ.h"
#include "lib/mem.h"
#include "lib/own.h"

#define LOG_MAX ((size_t)256 << 20)
#define LOG_LINES 15

/* The difference is of that plan; it is not const to its owner. */
static struct doubt_plan *
plan_of(struct doubt *d)
{
	return &d->plans[d->difference.plan - d->plans];
}

static const struct doubt_run *
other_lane(const struct doubt_plan *p, const struct doubt_run *r)
{
	for (size_t k = 0; k < p->nruns; k++)
		if (&p->runs[k] != r && p->runs[k].ended &&
		    p->runs[k].result.succeeded)
			return &p->runs[k];
	return NULL;
}

static bool
same_outputs(const struct outputs *a, const struct outputs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    !hash_equal(&a->v[i].sha256, &b->v[i].sha256))
			return false;
	return true;
}

/* Theirs beside ours; where theirs cannot be had, our two lanes. */
static int
compare(struct doubt *d, struct explanation *e, struct err *err)
{
	const struct doubt_difference *f = &d->difference;
	const struct doubt_run *other = other_lane(f->plan, f->run);
	struct differ_pair pair = { .name = f->output, .a = -1, .b = -1 };
	auto_fd int a = -1, b = -1;
	struct err gone = ERR_INIT;

	if (bytes_blob(&d->bytes, &f->expected, -1, f->output, &gone) == 0 &&
	    store_get(d->at->store, &f->expected, &a, err) == 0 &&
	    store_get(d->at->store, &f->got, &b, err) == 0) {
		pair.a = a;
		pair.b = b;
		e->theirs = true;
		e->difference = differ_compare(&pair, 1, err);
		return e->difference ? 0 : -1;
	}
	if (!other ||
	    same_outputs(&other->result.outputs, &f->run->result.outputs))
		return 0;
	e->difference = differ_outputs(
	    d->at->store, &other->result.outputs, &f->run->result.outputs, err);
	return e->difference ? 0 : -1;
}

/* Where the machine has no diffoscope, that is what is said. */
static void
look_deep(struct doubt *d, struct explanation *e)
{
	const struct doubt_difference *f = &d->difference;
	struct deep_place at = { d->at->store, d->at->workdir,
		d->at->work_path };
	struct err why = ERR_INIT;

	if (e->theirs && deep_view(&at, f->output, &f->expected, &f->got,
			     &e->deep, &why) == -1)
		buf_printf(&e->deep, "no deep view: %s\n", why.msg);
}

static void
told(void *arg, const char *sentence)
{
	struct doubt *d = arg;

	doubter_tell(d->at, "looking for the cause", sentence, 0, -1, "runs");
}

static void
find_cause(struct doubt *d, struct explanation *e)
{
	struct doubt_plan *p = plan_of(d);
	struct cause_question q = { .place = &d->at->work.place,
		.order = { .id = d->at->next_id,
		    .plan = p->plan,
		    .environment = p->env.digest,
		    .root = p->env.root,
		    .stop = d->at->stop },
		.vary = VARY_ALL,
		.told = told,
		.arg = d };
	struct err why = ERR_INIT;

	d->at->next_id += CAUSE_RUNS + 1;
	doubt_limits(&q.order);
	e->cause = cause_find(&q, &why);
	if (!e->cause)
		told(d, why.msg);
}

int
explain(struct doubt *d, struct explanation *e, bool deep, struct err *err)
{
	*e = (struct explanation){ .deep = BUF_INIT };
	if (d->difference.output) {
		doubter_tell(
		    d->at, "comparing", d->difference.output, 0, -1, "files");
		if (compare(d, e, err) == -1)
			return -1;
		if (deep)
			look_deep(d, e);
	}
	find_cause(d, e);
	return 0;
}

void
explain_words(const struct explanation *e, struct buf *b)
{
	if (e->difference) {
		buf_str(b, e->theirs
			       ? "the farm's bytes (a) and those built here "
				 "(b) differ in:\n"
			       : "the two lanes built here differ in:\n");
		differ_words(e->difference, b);
	}
	if (e->deep.len)
		buf_add(b, e->deep.data, e->deep.len);
	if (e->cause)
		cause_words(e->cause, b);
}

void
explain_release(struct explanation *e)
{
	json_decref(e->difference);
	json_decref(e->cause);
	buf_release(&e->deep);
	*e = (struct explanation){ .deep = BUF_INIT };
}

void
explain_log(const struct doubt *d, struct buf *b)
{
	auto_buf struct buf text = BUF_INIT;
	struct err gone = ERR_INIT;
	size_t at, lines = 0;

	if (store_read(d->at->store, &d->difference.run->result.log, LOG_MAX,
		&text, &gone) == -1)
		return;
	for (at = text.len; at > 0; at--)
		if (text.data[at - 1] == '\n' && ++lines > LOG_LINES)
			break;
	buf_add(b, text.data + at, text.len - at);
}
