#include "router-agent/change/trial.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/machine/watch.h"
#include "router-agent/owner/report.h"
#include "router-agent/plan.h"

#define QMP_MS 2000
#define GRACE_MS 8000

struct trial {
	struct agent *a;
	const struct set *set;
	struct plan plan;
	bool switched;
	char cause[32], text[STATE_TEXT];
};

static int fail(struct trial *, const char *cause, const char *fmt, ...)
    KILN_PRINTF(3, 4);

static int
fail(struct trial *t, const char *cause, const char *fmt, ...)
{
	va_list ap;

	snprintf(t->cause, sizeof(t->cause), "%s", cause);
	va_start(ap, fmt);
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	return -1;
}

static struct machine *
old_of(struct trial *t, const char *service)
{
	const struct set *set = t->a->live.set;

	for (size_t i = 0; set && i < set->nservices; i++)
		if (strcmp(set->services[i].name, service) == 0)
			return &t->a->live.at[i];
	return NULL;
}

/* Machines of the new set that are under trial. */
static bool
is_new(const struct trial *t, size_t i)
{
	return t->plan.act[i] != PLAN_KEEP && t->a->next->at[i].wanted;
}

/* A kept machine belongs to whichever set is to run. */
static void
move_kept(struct trial *t, bool forward)
{
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *n = &t->a->next->at[i];
		struct machine *o = old_of(t, t->set->services[i].name);
		struct machine *from = forward ? o : n, *to = forward ? n : o;

		if (t->plan.act[i] != PLAN_KEEP || !o)
			continue;
		*to = *from;
		memset(from, 0, sizeof(*from));
		from->vm = (struct vm)VM_INIT;
		from->probe = (struct probe_run)PROBE_RUN_INIT;
	}
}

/* --- stage --------------------------------------------------------------- */

static bool
leaves(const struct trial *t, size_t old)
{
	const struct set *set = t->a->live.set;

	for (size_t i = 0; i < t->set->nservices; i++)
		if (strcmp(t->set->services[i].name, set->services[old].name) ==
		    0)
			return t->plan.act[i] == PLAN_REPLACE;
	return true;
}

static int
stage(struct trial *t)
{
	struct agent *a = t->a;
	struct err err = ERR_INIT;

	a->back = false; /* of an earlier trial */
	agent_phase(a, PHASE_STAGING);
	for (size_t i = 0;
	     !t->plan.beside && a->live.set && i < a->live.set->nservices;
	     i++) {
		if (!leaves(t, i))
			continue;
		a->live.at[i].wanted = false;
		machine_stop(a, &a->live.at[i], GRACE_MS);
	}
	for (size_t i = 0; i < t->set->nservices; i++)
		if (t->plan.act[i] != PLAN_KEEP &&
		    machine_start(a, a->next, i, true, &err) == -1)
			return fail(t, "start", "%s", err.msg);
	return 0;
}

/* 1: all well; 0: not yet; -1: one is given up. */
static int
all_well(struct trial *t)
{
	int well = 1;

	for (size_t i = 0; i < t->set->nservices; i++) {
		const struct machine *m = &t->a->next->at[i];
		const char *name = t->set->services[i].name;

		if (!is_new(t, i))
			continue;
		if (m->ends >= TRIAL_ENDS)
			return fail(t, "boot", "%s: %s", name, m->fault);
		if (t->switched && m->ends > 0)
			return fail(t, "died", "%s: %s", name, m->fault);
		if (m->good < TRIAL_ROUNDS)
			well = 0;
	}
	return well;
}

static int
late(struct trial *t, const char *cause)
{
	for (size_t i = 0; i < t->set->nservices; i++) {
		const struct machine *m = &t->a->next->at[i];
		const char *name = t->set->services[i].name;

		if (!is_new(t, i) || m->good >= TRIAL_ROUNDS)
			continue;
		if (*m->answer)
			return fail(t, cause, "%s answers wrongly: %s", name,
			    m->answer);
		return fail(t, "boot", "%s does not answer: %s", name,
		    *m->fault ? m->fault : vm_state_name(m->vm.state));
	}
	return fail(t, cause, "not well in time");
}

static int
wait_well(struct trial *t, int64_t least_ms, int64_t most_ms, const char *cause)
{
	int64_t start = time_mono_ms();
	int well;

	while (!t->a->stop) {
		int64_t passed = time_mono_ms() - start;

		if (t->a->back)
			return fail(t, "owner", "the owner went back");
		well = all_well(t);
		if (well == -1)
			return -1;
		if (well == 1 && passed >= least_ms)
			return 0;
		if (passed >= most_ms)
			return late(t, cause);
		agent_wait(t->a, -1, 100);
	}
	return fail(t, "stopped", "the agent was stopped");
}

/* --- switch -------------------------------------------------------------- */

/* It is left alone until it is needed again. */
static void
let_be(struct machine *o)
{
	probe_stop(&o->probe);
	o->wanted = false;
}

static void
pause_old(struct machine *o)
{
	struct err err = ERR_INIT;

	if (o->vm.state == VM_UP &&
	    vm_ask(&o->vm, WATCH_STOP, QMP_MS, &err) == -1)
		log_err("pause", &err);
}

static void
drain(struct trial *t)
{
	int64_t until = time_mono_ms() + TRIAL_DRAIN_MS;

	while (time_mono_ms() < until)
		agent_wait(t->a, -1, until - time_mono_ms());
}

/* All services in one batch: new in, old out, each by one exchange. */
static int
redirect_to_new(struct trial *t, struct err *err)
{
	struct agent *a = t->a;
	auto_buf struct buf batch = BUF_INIT;
	int64_t start;

	for (size_t i = 0; i < t->set->nservices; i++)
		if (is_new(t, i) &&
		    machine_give(a, &a->next->at[i], &batch, err) == -1)
			return -1;
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (t->plan.remove[i])
			machine_leave(a, &a->live.at[i], &batch);
	start = time_mono_ms();
	if (ports_move(&batch, err) == -1)
		return -1;
	log_info("switch", "ms=%lld", (long long)(time_mono_ms() - start));
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *o = old_of(t, t->set->services[i].name);

		if (!is_new(t, i))
			continue;
		machine_given(&a->next->at[i]);
		if (o)
			o->on_lan = false;
	}
	return 0;
}

/* Taps as ports of the bridge: old out, then new in.  What comes between is
 * lost, and never two answer. */
static int
bridge_to_new(struct trial *t, struct err *err)
{
	struct agent *a = t->a;

	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *o = old_of(t, t->set->services[i].name);

		if (is_new(t, i) &&
		    ((o && o->on_lan && machine_detach(a, o, err) == -1) ||
			machine_attach(a, &a->next->at[i], err) == -1))
			return -1;
	}
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (leaves(t, i) && a->live.at[i].on_lan &&
		    machine_detach(a, &a->live.at[i], err) == -1)
			return -1;
	return 0;
}

static int
to_new(struct trial *t)
{
	struct agent *a = t->a;
	auto_buf struct buf mute = BUF_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (leaves(t, i))
			let_be(&a->live.at[i]);
	if ((a->ports.redirect ? redirect_to_new : bridge_to_new)(t, &err) ==
	    -1)
		return fail(t, "switch", "%s", err.msg);
	for (size_t i = 0; i < t->set->nservices; i++)
		if (is_new(t, i)) {
			a->next->at[i].good = 0;
			a->next->at[i].next_probe = 0;
		}
	t->switched = true;
	drain(t);
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		if (!leaves(t, i))
			continue;
		pause_old(&a->live.at[i]);
		machine_mute(&a->live.at[i], &mute);
	}
	if (ports_move(&mute, &err) == -1)
		return fail(t, "switch", "%s", err.msg);
	return 0;
}

/* Runs again, with today's clock. */
static void
resume(struct machine *o)
{
	struct err err = ERR_INIT;

	if (o->vm.state == VM_PAUSED &&
	    (vm_ask(&o->vm, WATCH_CONT, QMP_MS, &err) == -1 ||
		vm_clock(&o->vm, time_now(), QMP_MS, &err) == -1))
		log_err("resume", &err);
}

/* Those that run take their ports back, all in one batch. */
static void
redirect_to_old(struct trial *t)
{
	struct agent *a = t->a;
	auto_buf struct buf batch = BUF_INIT;
	struct err err = ERR_INIT;
	bool given[SET_SERVICES] = { false };

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		struct machine *o = &a->live.at[i];

		if (!leaves(t, i) || o->vm.state != VM_UP || o->on_lan)
			continue;
		if (machine_give(a, o, &batch, &err) == 0)
			given[i] = true;
		else
			log_err("back", &err);
	}
	for (size_t i = 0; i < t->set->nservices; i++)
		if (is_new(t, i) && t->plan.act[i] == PLAN_ADD)
			machine_leave(a, &a->next->at[i], &batch);
	if (ports_move(&batch, &err) == -1) {
		log_err("back", &err);
		return;
	}
	for (size_t i = 0; i < SET_SERVICES; i++)
		if (given[i])
			machine_given(&a->live.at[i]);
}

/* The old machines serve again: the paused ones in milliseconds.  What the
 * new ones still owe is let out before they go. */
static void
back_to_old(struct trial *t)
{
	struct agent *a = t->a;

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (leaves(t, i))
			resume(&a->live.at[i]);
	if (a->ports.redirect)
		redirect_to_old(t);
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		struct machine *o = &a->live.at[i];
		struct err err = ERR_INIT;

		if (!leaves(t, i))
			continue;
		o->wanted = true;
		o->next_probe = 0;
		if (o->vm.state == VM_UP &&
		    (o->on_lan || (!a->ports.redirect &&
				      machine_attach(a, o, &err) == 0)))
			continue;
		if (err.msg[0])
			log_err("back", &err);
		machine_stop(a, o, 0);
		o->staged = false; /* started again by machines_step */
		o->retry_at = 0;
	}
	if (a->ports.redirect && t->switched)
		drain(t);
}

/* --- the end ------------------------------------------------------------- */

static int
begin(struct trial *t)
{
	struct state *s = &t->a->state;
	struct err err = ERR_INIT;
	bool again = s->trial && hash_equal(&s->trial->sha256, &t->set->sha256);

	s->tries = again ? s->tries + 1 : 1;
	free(s->trial);
	s->trial = set_dup(t->set);
	if (state_save(t->a->dir.fd, s, &err) == -1)
		return fail(t, "state", "%s", err.msg);
	return 0;
}

static int
commit(struct trial *t)
{
	struct agent *a = t->a;
	struct state *s = &a->state;
	struct set *previous = s->previous, *current = s->current;
	struct set *trial = s->trial;
	struct machines old = a->live;
	struct err err = ERR_INIT;

	s->previous = current;
	s->current = trial;
	s->trial = NULL;
	s->tries = 0;
	if (state_save(a->dir.fd, s, &err) == -1) {
		s->previous = previous;
		s->current = current;
		s->trial = trial;
		return fail(t, "state", "%s", err.msg);
	}
	free(previous);
	a->live = *a->next;
	a->live.set = s->current;
	free(a->next);
	a->next = NULL;
	agent_phase(a, PHASE_COMMITTED);
	machines_stop(a, &old, GRACE_MS);
	return 0;
}

static int
go_back(struct trial *t)
{
	struct agent *a = t->a;
	struct state *s = &a->state;
	struct machines *next = a->next;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < t->set->nservices; i++) {
		if (!is_new(t, i))
			continue;
		next->at[i].wanted = false;
		probe_stop(&next->at[i].probe);
		/* Two ports of a bridge must not answer; a redirected one
		 * loses its service to the old machine in one exchange. */
		if (!a->ports.redirect &&
		    machine_detach(a, &next->at[i], &err) == -1)
			log_err("back", &err);
	}
	back_to_old(t);
	move_kept(t, false);
	machines_stop(a, next, 0);
	free(next);
	a->next = NULL;
	free(s->trial);
	s->trial = NULL;
	s->tries = 0;
	/* Ours, and no fault of the set. */
	if (strcmp(t->cause, "stopped") != 0 && strcmp(t->cause, "state") != 0)
		state_mark_bad(s, t->set, t->cause, t->text, time_now());
	if (state_save(a->dir.fd, s, &err) == -1)
		log_err("state", &err);
	if (a->stop)
		return EXIT_AGAIN;
	a->bad_counter = t->set->counter;
	agent_trouble(a, PHASE_ROLLED_BACK, t->cause, t->text);
	return EXIT_FAILED;
}

static int
attempt(struct trial *t)
{
	if (stage(t) == -1 || wait_well(t, 0, TRIAL_STAGE_MS, "probe") == -1)
		return -1;
	agent_phase(t->a, PHASE_PROBATION);
	if (to_new(t) == -1 || wait_well(t, TRIAL_PROBATION_MS, TRIAL_SETTLE_MS,
				   "probation") == -1)
		return -1;
	return commit(t);
}

int
trial_run(struct agent *a, const struct set *set)
{
	struct trial t = { .a = a, .set = set };
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct set *kept;
	int64_t available;
	int ret;

	if (plan_memory(&available, &err) == -1 ||
	    plan_make(a->state.current, set, available, &t.plan, &err) == -1) {
		agent_trouble(a, PHASE_FAILED, "memory", err.msg);
		return EXIT_FAILED;
	}
	plan_text(&t.plan, a->state.current, set, &text);
	log_info("plan", "%s", text.data);
	if (begin(&t) == -1) {
		agent_trouble(a, PHASE_FAILED, t.cause, t.text);
		return EXIT_FAILED;
	}
	kept = a->state.trial;
	a->next = mem_alloc(sizeof(*a->next));
	machines_init(a->next, kept);
	t.set = kept;
	move_kept(&t, true);
	if (attempt(&t) == 0) {
		report_change(a, "committed", "", a->state.current);
		return EXIT_DONE;
	}
	t.set = set; /* state.trial goes away */
	a->next->set = set;
	ret = go_back(&t);
	if (!a->stop)
		report_change(a, "rolled-back", t.cause, set);
	return ret;
}
