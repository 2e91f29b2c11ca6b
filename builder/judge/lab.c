#include "builder/judge/lab.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "builder/bake/lane.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

void
sample_release(struct sample *s)
{
	outputs_release(&s->outputs);
	*s = (struct sample){ 0 };
}

bool
sample_same(const struct sample *a, const struct sample *b)
{
	if (a->failed || b->failed)
		return a->failed == b->failed &&
		       strcmp(a->cause, b->cause) == 0;
	if (a->outputs.n != b->outputs.n)
		return false;
	for (size_t i = 0; i < a->outputs.n; i++)
		if (strcmp(a->outputs.v[i].name, b->outputs.v[i].name) != 0 ||
		    !hash_equal(
			&a->outputs.v[i].sha256, &b->outputs.v[i].sha256))
			return false;
	return true;
}

void
sample_move(struct sample *to, struct sample *from)
{
	sample_release(to);
	*to = *from;
	*from = (struct sample){ 0 };
}

void
lab_say(struct lab *l, const char *fmt, ...)
{
	auto_buf struct buf b = BUF_INIT;
	va_list ap;

	if (!l->q->told)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	l->q->told(l->q->arg, b.data);
}

static void
say_run(struct lab *l, unsigned vary, unsigned hold)
{
	auto_buf struct buf b = BUF_INIT;

	if (!l->q->told)
		return;
	buf_printf(&b, "run %d:", l->runs);
	if (vary == VARY_ALL)
		buf_str(&b, " everything contrary");
	else if (vary == VARY_NONE)
		buf_str(&b, " quiet");
	for (int v = 0; vary != VARY_ALL && v < VARY_COUNT; v++)
		if (vary & VARY(v))
			buf_printf(
			    &b, " %s", variation_name((enum variation)v));
	for (int h = 0; h < HOLD_COUNT; h++)
		if (hold & HOLD(h))
			buf_printf(&b, ", %s held", hold_name((enum hold)h));
	l->q->told(l->q->arg, b.data);
}

int
lab_run(struct lab *l, unsigned vary, unsigned hold, struct sample *out,
    struct err *err)
{
	struct build_order o = l->q->order;
	struct build_result r;

	if (l->runs == CAUSE_RUNS) {
		l->spent = true;
		return err_set(err, ERR_BUSY,
		    "%d runs were not enough to find the cause", CAUSE_RUNS);
	}
	o.id += l->runs++;
	/* The letter is for the record alone; the switches are what counts. */
	o.lane = vary == VARY_NONE ? 'A' : 'B';
	o.vary = vary;
	o.hold = hold;
	o.hold_at = l->at;
	say_run(l, vary, hold);
	if (build_run(l->q->place, &o, &r, err) == -1)
		return -1;
	if (r.stopped) {
		build_result_release(&r);
		return err_set(err, ERR_SYSTEM, "told to stop");
	}
	sample_release(out);
	out->failed = !r.succeeded;
	memcpy(out->cause, r.cause, sizeof(out->cause));
	out->outputs = r.outputs; /* its only memory */
	out->started = r.started;
	out->finished = r.finished;
	return 0;
}

void
lab_let_time_pass(const struct sample *s)
{
	/* A file made in its last moment, and one made in our first. */
	while (time_now() <= s->finished) {
		struct timespec t = { 0, 20000000 };

		nanosleep(&t, NULL);
	}
}
