#include "router-agent/change/switch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/change/handover.h"
#include "router-agent/change/probation.h"
#include "router-agent/change/trial.h"
#include "router-agent/change/volumes.h"
#include "router-agent/machine/watch.h"

#define QMP_MS 2000

int
trial_fail(struct trial *t, const char *cause, const char *fmt, ...)
{
	va_list ap;

	snprintf(t->cause, sizeof(t->cause), "%s", cause);
	va_start(ap, fmt);
	vsnprintf(t->text, sizeof(t->text), fmt, ap);
	va_end(ap);
	return -1;
}

struct machine *
trial_old(struct trial *t, const char *service)
{
	const struct set *set = t->a->live.set;

	for (size_t i = 0; set && i < set->nservices; i++)
		if (strcmp(set->services[i].name, service) == 0)
			return &t->a->live.at[i];
	return NULL;
}

/* Machines of the new set that are under trial. */
bool
trial_is_new(const struct trial *t, size_t i)
{
	return t->plan.act[i] != PLAN_KEEP && t->a->next->at[i].wanted;
}

bool
trial_leaves(const struct trial *t, size_t old)
{
	const struct set *set = t->a->live.set;

	for (size_t i = 0; i < t->set->nservices; i++)
		if (strcmp(t->set->services[i].name, set->services[old].name) ==
		    0)
			return t->plan.act[i] == PLAN_REPLACE;
	return true;
}

/* It is left alone until it is needed again. */
static void
let_be(struct machine *o)
{
	probe_stop(&o->probe);
	o->wanted = false;
}

static void
pause_old(struct machine *o, const struct set_service *s)
{
	struct err err = ERR_INIT;

	/* It may be the last that this machine did. */
	if (s->nvolumes > 0 && o->vm.state == VM_UP &&
	    volumes_freeze(o, &err) == -1)
		log_err("freeze", &err);
	err_clear(&err);
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

/* --- state that goes over ------------------------------------------------ */

static struct heirs
new_heirs(struct trial *t)
{
	struct heirs h = { .n = 0 };

	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *o = trial_old(t, t->set->services[i].name);

		if (trial_is_new(t, i) && o && o->on_lan &&
		    t->a->next->at[i].asks &&
		    t->set->services[i].handover == HANDOVER_HANDOFF)
			handover_heir(&h, &t->a->next->at[i]);
	}
	return h;
}

/* Of those that were paused: what goes on had it all the time. */
static struct heirs
old_heirs(struct trial *t)
{
	const struct set *set = t->a->live.set;
	struct heirs h = { .n = 0 };

	for (size_t i = 0; set && i < set->nservices; i++) {
		struct machine *o = &t->a->live.at[i];

		if (trial_leaves(t, i) && o->vm.state == VM_UP && !o->on_lan &&
		    o->asks && set->services[i].handover == HANDOVER_HANDOFF)
			handover_heir(&h, o);
	}
	return h;
}

static void
unhold(struct agent *a, const struct heirs *h, struct buf *batch)
{
	for (size_t i = 0; i < h->n; i++)
		machine_unhold(a, h->at[i].m, batch);
}

/* The hold, if there was one, has ended with the switch. */
static void
tell_switch(struct agent *a, const struct heirs *h, int64_t start)
{
	int64_t now = time_mono_ms(), gap = now - (h->n ? h->held : start);

	a->switch_ms = gap > 0 ? gap : 1;
	log_info("switch", "ms=%lld held-ms=%lld", (long long)(now - start),
	    h->n ? (long long)(now - h->held) : 0);
}

/* For when no switch ends the hold. */
static void
unhold_now(struct agent *a, const struct heirs *h)
{
	auto_buf struct buf batch = BUF_INIT;
	struct err err = ERR_INIT;

	unhold(a, h, &batch);
	if (ports_move(&batch, &err) == -1)
		log_err("unhold", &err);
}

/* From here on the LAN waits for them. */
static void
hurry(struct trial *t)
{
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct err err = ERR_INIT;

		if (trial_is_new(t, i) &&
		    vm_hurry(&t->a->next->at[i].vm, &err) == -1)
			log_err("switch", &err);
	}
}

/* Makes them ready, and holds their ports' DHCP at the end of it; on failure
 * nothing is held. */
static int
hand_over(struct agent *a, struct heirs *h, struct err *err)
{
	auto_buf struct buf batch = BUF_INIT;

	if (h->n == 0)
		return 0;
	if (handover_prepare(a, h, err) == -1)
		return -1;
	for (size_t i = 0; i < h->n; i++)
		machine_hold(a, h->at[i].m, &batch);
	h->held = time_mono_ms();
	if (ports_move(&batch, err) == -1)
		return -1;
	if (handover_take(a, h, err) == 0)
		return 0;
	unhold_now(a, h);
	return -1;
}

/* --- to the new ---------------------------------------------------------- */

/* All services in one batch: new in, old out, each by one exchange. */
static int
move_to_new(struct trial *t, const struct heirs *h, struct err *err)
{
	struct agent *a = t->a;
	auto_buf struct buf batch = BUF_INIT;
	int64_t start;

	for (size_t i = 0; i < t->set->nservices; i++)
		if (trial_is_new(t, i) &&
		    machine_give(a, &a->next->at[i], &batch, err) == -1)
			return -1;
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (t->plan.remove[i])
			machine_leave(a, &a->live.at[i], &batch);
	unhold(a, h, &batch);
	start = time_mono_ms();
	if (ports_move(&batch, err) == -1)
		return -1;
	tell_switch(a, h, start);
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *o = trial_old(t, t->set->services[i].name);

		if (!trial_is_new(t, i))
			continue;
		machine_given(&a->next->at[i]);
		if (o)
			o->on_lan = false;
	}
	return 0;
}

static int
redirect_to_new(struct trial *t, struct err *err)
{
	struct heirs h = new_heirs(t);
	int ret = hand_over(t->a, &h, err);

	if (ret == 0) {
		ret = move_to_new(t, &h, err);
		if (ret == -1)
			unhold_now(t->a, &h);
	}
	handover_end(t->a, &h);
	return ret;
}

static int
detach_old(struct trial *t, struct err *err)
{
	struct agent *a = t->a;

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (trial_leaves(t, i) && a->live.at[i].on_lan &&
		    machine_detach(a, &a->live.at[i], err) == -1)
			return -1;
	return 0;
}

/* Taps as ports of the bridge: old out, then new in.  What comes between is
 * lost, and never two answer. */
static int
bridge_to_new(struct trial *t, struct err *err)
{
	struct heirs h = new_heirs(t);
	struct agent *a = t->a;
	int ret = h.n > 0 ? handover_prepare(a, &h, err) : 0;

	h.held = time_mono_ms();
	if (ret == 0)
		ret = detach_old(t, err);
	if (ret == 0 && h.n > 0)
		ret = handover_take(a, &h, err);
	handover_end(a, &h);
	for (size_t i = 0; ret == 0 && i < t->set->nservices; i++)
		if (trial_is_new(t, i))
			ret = machine_attach(a, &a->next->at[i], err);
	if (ret == 0)
		tell_switch(a, &h, h.held);
	return ret;
}

/* What the old machines kept, and the new ones well with it. */
static int
volumes_moved(struct trial *t)
{
	bool moved;

	if (volumes_hand_over(t, &moved) == -1)
		return -1;
	return moved ? probation_watch(t, 0, TRIAL_SETTLE_MS, "probe") : 0;
}

int
switch_to_new(struct trial *t)
{
	struct agent *a = t->a;
	auto_buf struct buf mute = BUF_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (trial_leaves(t, i))
			let_be(&a->live.at[i]);
	hurry(t);
	if (volumes_moved(t) == -1)
		return -1;
	if ((a->ports.redirect ? redirect_to_new : bridge_to_new)(t, &err) ==
	    -1)
		return trial_fail(t, "switch", "%s", err.msg);
	for (size_t i = 0; i < t->set->nservices; i++)
		if (trial_is_new(t, i)) {
			a->next->at[i].good = 0;
			a->next->at[i].next_probe = 0;
		}
	t->switched = true;
	agent_phase(a, PHASE_PROBATION); /* not while state is handed over */
	drain(t);
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		if (!trial_leaves(t, i))
			continue;
		pause_old(&a->live.at[i], &a->live.set->services[i]);
		machine_mute(&a->live.at[i], &mute);
	}
	if (ports_move(&mute, &err) == -1)
		return trial_fail(t, "switch", "%s", err.msg);
	return 0;
}

/* --- and back ------------------------------------------------------------ */

/* Runs again, with today's clock. */
static void
resume(struct machine *o)
{
	struct err err = ERR_INIT;

	if (o->vm.state == VM_PAUSED &&
	    (vm_ask(&o->vm, WATCH_CONT, QMP_MS, &err) == -1 ||
		vm_clock(&o->vm, time_now(), QMP_MS, &err) == -1))
		log_err("resume", &err);
	volumes_thaw(o);
}

/* Those that run take their ports back, all in one batch. */
static void
redirect_to_old(struct trial *t)
{
	struct heirs h = old_heirs(t);
	struct agent *a = t->a;
	auto_buf struct buf batch = BUF_INIT;
	struct err err = ERR_INIT;
	bool given[SET_SERVICES] = { false };
	int64_t start;

	for (size_t i = 0; i < h.n; i++)
		if (net_tap_stage(h.at[i].m->vm.tap, a->conf.bridge, &err) ==
		    -1)
			log_err("back", &err);
	if (hand_over(a, &h, &err) == -1) {
		/* Not with what it knew before: started anew, it reads. */
		log_err("back", &err);
		for (size_t i = 0; i < h.n; i++)
			vm_kill(&h.at[i].m->vm);
		handover_end(a, &h);
		h.n = 0;
	}

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		struct machine *o = &a->live.at[i];

		if (!trial_leaves(t, i) || o->vm.state != VM_UP || o->on_lan)
			continue;
		if (machine_give(a, o, &batch, &err) == 0)
			given[i] = true;
		else
			log_err("back", &err);
	}
	for (size_t i = 0; i < t->set->nservices; i++)
		if (trial_is_new(t, i) && t->plan.act[i] == PLAN_ADD)
			machine_leave(a, &a->next->at[i], &batch);
	unhold(a, &h, &batch);
	start = time_mono_ms();
	if (ports_move(&batch, &err) == -1) {
		log_err("back", &err);
		unhold_now(a, &h);
		handover_end(a, &h);
		return;
	}
	tell_switch(a, &h, start);
	handover_end(a, &h);
	for (size_t i = 0; i < SET_SERVICES; i++)
		if (given[i])
			machine_given(&a->live.at[i]);
}

/* The old machines serve again: the paused ones in milliseconds.  What the
 * new ones still owe is let out before they go. */
void
switch_to_old(struct trial *t)
{
	struct agent *a = t->a;

	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (trial_leaves(t, i))
			resume(&a->live.at[i]);
	if (a->ports.redirect)
		redirect_to_old(t);
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++) {
		struct machine *o = &a->live.at[i];
		struct err err = ERR_INIT;

		if (!trial_leaves(t, i))
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
