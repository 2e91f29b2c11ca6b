#include "router-agent/change/probation.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/change/trial.h"
#include "router-agent/machine/flood.h"
#include "router-agent/machine/net.h"

#define LOOK_MS 500  /* between looks at memory and at the way out */
#define FLOODED 12   /* looks in a row at one are no burst any more */
#define STEP_MS 2000 /* counted of a time in which nobody looked */
#define WAN_MS ((int64_t)24 * 3600 * 1000) /* it excuses for no longer */

/* Time that counts, in milliseconds. */
struct passing {
	bool wan;	 /* there was a way out at the beginning */
	bool lost;	 /* and now there is none */
	int64_t last;	 /* time_mono_ms() */
	int64_t passed;	 /* since the beginning */
	int64_t ill;	 /* since all were well last */
	int64_t excused; /* while it was lost */
	int64_t look_at;
	struct flood flood[SET_SERVICES];
	unsigned floods[SET_SERVICES]; /* looks in a row */
};

/* QEMU may take what the plan counted for it and half of that again. */
static int
too_large(struct trial *t, size_t i)
{
	const struct set *s = t->set;
	const struct set_service *v = &s->services[i];
	int64_t guest = set_guest_memory(s, v);
	int64_t own = plan_overhead(v, t->a->accel.kind), now;

	now = vm_memory(&t->a->next->at[i].vm);
	if (now <= guest + own + own / 2)
		return 0;
	return trial_fail(t, "memory",
	    "%s: %s takes %lld MiB for a guest of %lld MiB", v->name,
	    v->solo5[0] ? "its tender" : "QEMU", (long long)(now >> 20),
	    (long long)(guest >> 20));
}

/* What could hurt the LAN is not waited for longer than it takes to be sure. */
static int
floods(struct trial *t, size_t i, struct flood *f, unsigned *times)
{
	const char *name = t->set->services[i].name;
	struct err err = ERR_INIT;
	int64_t sent = flood_look(f, t->a->next->at[i].vm.tap, t->a->conf.flood,
	    time_mono_ms(), &err);

	if (sent == -1)
		log_err("flood", &err);
	*times = sent > 0 ? *times + 1 : 0;
	if (*times < FLOODED)
		return 0;
	return trial_fail(t, "flood",
	    "%s floods the net: %lld frames a second that are to everybody, or "
	    "that nobody answers",
	    name, (long long)sent);
}

/* 1: all well; 0: not yet; -1: one is given up. */
static int
all_well(struct trial *t, struct passing *p, bool look)
{
	int well = 1;

	for (size_t i = 0; i < t->set->nservices; i++) {
		const struct machine *m = &t->a->next->at[i];
		const char *name = t->set->services[i].name;

		if (!trial_is_new(t, i))
			continue;
		if (m->ends >= TRIAL_ENDS)
			return trial_fail(t, "boot", "%s: %s", name, m->fault);
		if (t->switched && m->ends > 0)
			return trial_fail(t, "died", "%s: %s", name, m->fault);
		if (look && (too_large(t, i) == -1 || floods(t, i, &p->flood[i],
							  &p->floods[i]) == -1))
			return -1;
		if (m->good < TRIAL_ROUNDS || p->floods[i] > 0)
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

		if (!trial_is_new(t, i) || m->good >= TRIAL_ROUNDS)
			continue;
		if (*m->answer)
			return trial_fail(t, cause, "%s answers wrongly: %s",
			    name, m->answer);
		return trial_fail(t, "boot", "%s does not answer: %s", name,
		    *m->fault ? m->fault : vm_state_name(m->vm.state));
	}
	return trial_fail(t, cause, "not well in time");
}

/* A process that was stopped, or a host that slept, has neither seen a machine
 * ill nor seen it well. */
static void
pass(struct passing *p)
{
	int64_t now = time_mono_ms(), step = now - p->last;

	p->last = now;
	if (step > STEP_MS)
		step = STEP_MS;
	if (p->lost && p->excused < WAN_MS) {
		p->excused += step;
		return;
	}
	p->passed += step;
	p->ill += step;
}

static bool
look(struct passing *p)
{
	bool lost;

	if (p->last < p->look_at)
		return false;
	p->look_at = p->last + LOOK_MS;
	lost = p->wan && !net_way_out();
	if (lost != p->lost)
		log_info("probation", "wan=%s", lost ? "lost" : "back");
	p->lost = lost;
	return true;
}

static int
watch(struct trial *t, struct passing *p, int64_t least_ms, int64_t most_ms,
    const char *cause)
{
	bool looked;
	int well;

	while (!t->a->stop) {
		pass(p);
		if (t->a->back)
			return trial_fail(t, "owner", "the owner went back");
		looked = look(p);
		well = all_well(t, p, looked);
		if (well == -1)
			return -1;
		if (well == 1)
			p->ill = 0;
		/* What it sends counts up to this moment. */
		if (well == 1 && looked && p->passed >= least_ms)
			return 0;
		if (p->ill >= most_ms)
			return late(t, cause);
		agent_wait(t->a, -1, 100);
	}
	return trial_fail(t, "stopped", "the agent was stopped");
}

int
probation_watch(
    struct trial *t, int64_t least_ms, int64_t most_ms, const char *cause)
{
	struct passing p = { .wan = t->way_out, .last = time_mono_ms() };
	int ret;

	for (size_t i = 0; i < SET_SERVICES; i++)
		p.flood[i] = (struct flood)FLOOD_INIT;
	ret = watch(t, &p, least_ms, most_ms, cause);
	for (size_t i = 0; i < SET_SERVICES; i++)
		flood_release(&p.flood[i]);
	return ret;
}
