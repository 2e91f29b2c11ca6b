/* What a router does, and the order in which they all do it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/change/due.h"
#include "router-agent/owner/report.h"
#include "router-agent/trust/turn.h"
#include "tests/fleet/fleet.h"

#define DAY 86400
#define PASS_AFTER 60 /* a running kiln-tuf looks every 2 s */

/* --- chance: splitmix64, so that a run can be had again
 * ------------------------ */

static uint64_t
chance(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* --- the heap
 * ------------------------------------------------------------------ */

static bool
before(const struct event *a, const struct event *b)
{
	return a->at_ms < b->at_ms ||
	       (a->at_ms == b->at_ms && a->router < b->router);
}

static void
swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

static void
push(struct fleet *f, uint32_t router, int64_t at_ms)
{
	uint32_t i = f->nheap++;

	f->heap[i] = (struct event){ at_ms, router };
	for (; i > 0 && before(&f->heap[i], &f->heap[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(&f->heap[i], &f->heap[(i - 1) / 2]);
}

static struct event
pop(struct fleet *f)
{
	struct event first = f->heap[0];
	uint32_t i = 0, least;

	f->heap[0] = f->heap[--f->nheap];
	for (;;) {
		least = i;
		for (uint32_t c = 2 * i + 1; c <= 2 * i + 2; c++)
			if (c < f->nheap &&
			    before(&f->heap[c], &f->heap[least]))
				least = c;
		if (least == i)
			return first;
		swap(&f->heap[i], &f->heap[least]);
		i = least;
	}
}

/* --- reports
 * -------------------------------------------------------------------- */

static int
send(struct fleet *f, struct router *r, const json_t *report,
    const struct buf *body, const struct buf *text, struct err *err)
{
	auto_json json_t *envelope =
	    js_parse("report", text->data, text->len, err);
	auto_free char *url = mem_printf("%s/api/v1/report", f->url);
	struct fetch_reply reply;

	if (!envelope)
		return -1;
	f->reports++;
	load_add(&f->load, *f->now, 1, 200, (int64_t)text->len + 200);
	if (r->folder == -1)
		return farm_report(f, r, report, body,
		    json_string_value(json_object_get(envelope, "sig")), err);
	if (fetcher_post(f->fetcher, url, "application/json", text->data,
		text->len, &reply, err) == -1)
		return -1;
	f->real++;
	return reply.status / 100 == 2 && reply.object
		   ? 0
		   : err_set(err, ERR_INPUT, "the farm answers a report %d",
			 reply.status);
}

static int
tell(struct fleet *f, struct router *r, const char *state, const char *cause,
    int set, struct err *err)
{
	auto_free struct state *s = mem_zero(1, sizeof(*s));
	auto_buf struct buf body = BUF_INIT, text = BUF_INIT;
	auto_json json_t *report = NULL;
	struct sig_seed seed = r->seed;

	s->report_sequence = ++r->sequence;
	s->has_report = r->sequence > 1;
	s->report_previous = r->previous;
	s->news.at = *f->now;
	s->news.set = set >= 0 ? f->sets[set] : NULL;
	snprintf(s->news.state, sizeof(s->news.state), "%s", state);
	snprintf(s->news.cause, sizeof(s->news.cause), "%s", cause);
	report = report_make(&f->conf, "tcg", s, 0, 0, &r->key);
	if (report_seal("report", json_incref(report), &seed, &r->key, &body,
		&text, err) == -1)
		return -1;
	hash_bytes(&r->previous, body.data, body.len);
	return send(f, r, report, &body, &text, err);
}

/* owner/report.c tells the same refusal once. */
static int
tell_refused(
    struct fleet *f, struct router *r, const char *word, struct err *err)
{
	struct hash now;

	hash_bytes(&now, word, strlen(word));
	if (hash_equal(&now, &r->told))
		return 0;
	r->told = now;
	f->refused++;
	return tell(f, r, "refused", word, r->current, err);
}

/* --- a set
 * ------------------------------------------------------------------------ */

static const struct set_file *
file_at(const struct set *s, size_t i)
{
	return i == 0	? &s->vmlinuz
	       : i == 1 ? &s->initrd
			: &s->services[i - 2].image;
}

/* What it would fetch: each file that no set of its has. */
static void
fetch(struct fleet *f, const struct router *r)
{
	const struct set *s = f->sets[r->trial];
	const struct set *cur = r->current >= 0 ? f->sets[r->current] : NULL;

	for (size_t i = 0; i < s->nservices + 2; i++) {
		const struct set_file *file = file_at(s, i);
		bool here = false;

		for (size_t k = 0; cur && k < cur->nservices + 2; k++)
			here |= hash_equal(&file_at(cur, k)->hash, &file->hash);
		if (here)
			continue;
		load_add(&f->load, *f->now, 1, f->head_ok,
		    (int64_t)strlen(file->target) + 150);
		f->image_bytes += file->size;
	}
}

/* Seconds until what waits may begin; 0: it has begun, or there is nothing. */
static int
offered(
    struct fleet *f, struct router *r, int set, int64_t *wait, struct err *err)
{
	static const struct state no_trouble;
	struct due_facts d = { .has_current = r->current >= 0,
		.state = r->trouble ? r->trouble : &no_trouble,
		.every_s = f->conf.poll_s,
		.now = *f->now,
		.minute = (*f->now / 60 + r->zone + 1440) % 1440,
		.set = &f->sets[set]->sha256,
		.judged_at = *f->now,
		.clock = CLOCK_SYNCED };

	*wait = 0;
	if (r->seen < 0 || f->sets[set]->counter > f->sets[r->seen]->counter)
		r->seen = set;
	if (set == r->current || state_is_bad(d.state, d.set))
		return 0;
	if (!r->sights)
		r->sights = mem_zero(1, sizeof(*r->sights));
	if (turn_of(&d.turn, f->set_json[set], f->sets[set], &r->device,
		*f->now, r->sights, err) == -1)
		return -1;
	if (due_look(&d, wait) != DUE_NOW)
		return 0;
	r->trial = set;
	if (set == f->watched && !r->touched) {
		r->touched = true;
		f->touched++;
	}
	fetch(f, r);
	return 0;
}

static void
arrive(struct fleet *f)
{
	int64_t n = ++f->arrived;

	if (n * 2 >= f->n && !f->half_at)
		f->half_at = *f->now;
	if (n * 10 >= (int64_t)f->n * 9 && !f->most_at)
		f->most_at = *f->now;
	if (n >= f->n)
		f->all_at = *f->now;
}

static int
end_trial(struct fleet *f, struct router *r, int64_t *wait, struct err *err)
{
	static const char text[] = "a probe fails after the switch";
	int set = r->trial;

	r->trial = -1;
	if (set == f->bad) {
		if (!r->trouble)
			r->trouble = mem_zero(1, sizeof(*r->trouble));
		if (!state_mark_retry(
			r->trouble, f->sets[set], "probe", text, *f->now))
			state_mark_bad(
			    r->trouble, f->sets[set], "probe", text, *f->now);
		*wait = state_retry_wait(
		    r->trouble, &f->sets[set]->sha256, *f->now);
		f->back++;
		f->backs_since_pass++;
		return tell(f, r, "rolled-back", "probe", set, err);
	}
	r->current = set;
	free(r->sights);
	r->sights = NULL;
	r->told = (struct hash){ { 0 } };
	f->committed++;
	if (set == f->watched)
		arrive(f);
	return tell(f, r, "committed", "", set, err);
}

/* --- a poll
 * ------------------------------------------------------------------------- */

static int
poll_once(struct fleet *f, struct router *r, bool *unreachable, int64_t *wait,
    struct err *err)
{
	const struct kind *k;

	if (fleet_check(f, r, &k, err) == -1)
		return -1;
	r->polls++;
	*wait = 0;
	*unreachable = !k->reachable;
	if (!k->reachable) {
		f->attempts++;
		return 0;
	}
	load_add(&f->load, *f->now, k->requests, k->down, k->up);
	r->seen_publication = k->to;
	if (k->set == -1)
		return tell_refused(f, r, k->word, err);
	return offered(f, r, k->set, wait, err);
}

static int
step(struct fleet *f, struct router *r, int64_t *next_ms, struct err *err)
{
	bool unreachable = false;
	int64_t wait = 0;

	if (r->trial >= 0 ? end_trial(f, r, &wait, err)
			  : poll_once(f, r, &unreachable, &wait, err))
		return -1;
	if (r->trial >= 0) {
		*next_ms = 1000 * FLEET_WAIT;
		return 0;
	}
	r->plan.every_s = f->conf.poll_s;
	r->plan.wait_s = wait;
	*next_ms =
	    poll_next(&r->plan, unreachable, (uint32_t)chance(&r->chance));
	return 0;
}

static int
farm_turn(struct fleet *f, int64_t now, struct err *err)
{
	if (f->backs_since_pass > 0 && f->pass_at > now + PASS_AFTER)
		f->pass_at = now + PASS_AFTER;
	if (f->outage || now < f->pass_at)
		return 0;
	*f->now = f->pass_at;
	f->pass_at += DAY;
	return farm_pass(f, err);
}

int
fleet_run(struct fleet *f, int64_t until, struct err *err)
{
	while (f->nheap > 0 && f->heap[0].at_ms < 1000 * until) {
		struct event e = f->heap[0];
		int64_t next;

		if (farm_turn(f, e.at_ms / 1000, err) == -1)
			return err_prefix(err, "farm");
		pop(f);
		*f->now = e.at_ms / 1000;
		if (step(f, &f->routers[e.router], &next, err) == -1)
			return err_prefix(err, "router %u", e.router);
		push(f, e.router, e.at_ms + next);
	}
	*f->now = until;
	return 0;
}

void
fleet_power_cut(struct fleet *f, int64_t boot_s)
{
	f->nheap = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct router *r = &f->routers[i];

		r->plan = (struct poll_plan){ 0 };
		push(f, i,
		    1000 * (*f->now + boot_s) +
			poll_first(
			    f->conf.poll_s, (uint32_t)chance(&r->chance)));
	}
}

/* --- life
 * -----------------------------------------------------------------------------
 */

static int
make_router(struct fleet *f, uint32_t i, uint64_t seed, struct err *err)
{
	struct router *r = &f->routers[i];
	uint64_t s[4];

	*r = (struct router){ .current = -1,
		.seen = -1,
		.trial = -1,
		.folder = -1,
		.chance = seed ^ ((uint64_t)(i + 1) << 20) };
	for (size_t k = 0; k < ARRAY_LEN(s); k++)
		s[k] = chance(&r->chance);
	memcpy(r->seed.b, s, sizeof(r->seed.b));
	sig_public_of(&r->seed, &r->key);
	hash_bytes(&r->device, r->key.b, sizeof(r->key.b));
	r->zone = 60 * ((int)(chance(&r->chance) % 24) - 12);
	/* Spread over all of them, not the first in the farm's tables. */
	if ((uint64_t)i * f->sample % f->n < f->sample) {
		auto_free char *name = mem_printf("own/%u", i);

		r->folder = dir_make_at(f->work, name, 0755, err);
		if (r->folder == -1)
			return -1;
	}
	/* They were switched on some time ago, each at its own. */
	push(f, i,
	    1000 * f->start + (int64_t)(chance(&r->chance) %
					(uint64_t)(1000 * f->conf.poll_s)));
	return 0;
}

int
fleet_make(struct fleet *f, uint64_t seed, struct err *err)
{
	f->routers = mem_zero(f->n, sizeof(*f->routers));
	f->heap = mem_zero(f->n, sizeof(*f->heap));
	for (uint32_t i = 0; i < f->n; i++)
		if (make_router(f, i, seed, err) == -1)
			return -1;
	return 0;
}

void
fleet_release(struct fleet *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		own_close(&f->routers[i].folder);
		free(f->routers[i].sights);
		if (f->routers[i].trouble)
			state_release(f->routers[i].trouble);
		free(f->routers[i].trouble);
	}
	free(f->routers);
	free(f->heap);
	for (int i = 0; i < f->nsets; i++) {
		free(f->sets[i]);
		json_decref(f->set_json[i]);
	}
	fleet_kinds_free(f);
	load_release(&f->load);
}

int64_t
fleet_at(const struct fleet *f, int set)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < f->n; i++)
		n += f->routers[i].current == set;
	return n;
}
