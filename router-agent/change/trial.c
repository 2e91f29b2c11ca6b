#include "router-agent/change/trial.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/change/probation.h"
#include "router-agent/change/serves.h"
#include "router-agent/change/switch.h"
#include "router-agent/change/volumes.h"
#include "router-agent/owner/report.h"

#define GRACE_MS 8000

/* A kept machine belongs to whichever set is to run. */
static void
move_kept(struct trial *t, bool forward)
{
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *n = &t->a->next->at[i];
		struct machine *o = trial_old(t, t->set->services[i].name);
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

/* Where memory is short all do; one that owns a device always does. */
static bool
goes_first(const struct trial *t, size_t old)
{
	const struct set_service *s =
	    set_service(t->set, t->a->live.set->services[old].name);

	return !t->plan.beside || (s && s->handover == HANDOVER_EXCLUSIVE);
}

static void
stop_first(struct trial *t, size_t old)
{
	const char *name = t->a->live.set->services[old].name;
	struct machine *m = &t->a->live.at[old];

	m->wanted = false;
	machine_stop(t->a, m, GRACE_MS);
	for (size_t i = 0; i < t->set->nservices; i++)
		if (strcmp(t->set->services[i].name, name) == 0)
			t->stopped[i] = true;
}

static int
stage(struct trial *t)
{
	struct agent *a = t->a;
	struct err err = ERR_INIT;

	a->back = false; /* of an earlier trial */
	agent_phase(a, PHASE_STAGING);
	for (size_t i = 0; a->live.set && i < a->live.set->nservices; i++)
		if (trial_leaves(t, i) && goes_first(t, i))
			stop_first(t, i);
	for (size_t i = 0; i < t->set->nservices; i++) {
		if (t->plan.act[i] == PLAN_KEEP)
			continue;
		if (volumes_stage(t, i) == -1)
			return -1;
		if (machine_start(a, a->next, i, true, &err) == -1)
			return trial_fail(t, "start", "%s", err.msg);
	}
	return 0;
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
	volumes_assign(t, s->trial);
	if (state_save(t->a->dir.fd, s, &err) == -1)
		return trial_fail(t, "state", "%s", err.msg);
	return 0;
}

static int
commit(struct trial *t)
{
	struct agent *a = t->a;
	struct state *s = &a->state;
	struct state before = *s;
	struct machines old = a->live;
	struct err err = ERR_INIT;

	s->previous = before.current;
	s->current = before.trial;
	s->trial = NULL;
	s->tries = 0;
	s->retry = (struct state_retry){ 0 };
	if (!s->golden)
		s->golden = set_dup(before.trial);
	report_note(a, "committed", "", "", before.trial);
	if (state_save(a->dir.fd, s, &err) == -1) {
		if (!before.golden)
			free(s->golden);
		free(s->news.set);
		*s = before;
		return trial_fail(t, "state", "%s", err.msg);
	}
	free(before.previous);
	a->live = *a->next;
	a->live.set = s->current;
	free(a->next);
	a->next = NULL;
	agent_phase(a, PHASE_COMMITTED);
	machines_stop(a, &old, GRACE_MS);
	return 0;
}

/*
 * What failed beside the LAN is bad at once.  What failed after the switch may
 * have had the moment against it, and one spoofed probe must not block a
 * security update; so may what this machine could not start, or not hand over
 * to in time.
 */
static void
remember(struct trial *t)
{
	struct state *s = &t->a->state;
	bool again = t->switched || strcmp(t->cause, "start") == 0 ||
		     strcmp(t->cause, "switch") == 0;

	/* Ours, and no fault of the set. */
	if (strcmp(t->cause, "stopped") == 0 || strcmp(t->cause, "state") == 0)
		return;
	if (strcmp(t->cause, "owner") == 0 || !again ||
	    !state_mark_retry(s, t->set, t->cause, t->text, time_now()))
		state_mark_bad(s, t->set, t->cause, t->text, time_now());
}

static int
go_back(struct trial *t)
{
	struct agent *a = t->a;
	struct state *s = &a->state;
	struct machines *next = a->next;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < t->set->nservices; i++) {
		if (!trial_is_new(t, i))
			continue;
		next->at[i].wanted = false;
		probe_stop(&next->at[i].probe);
		/* Two ports of a bridge must not answer; a redirected one
		 * loses its service to the old machine in one exchange. */
		if (!a->ports.redirect &&
		    machine_detach(a, &next->at[i], &err) == -1)
			log_err("back", &err);
	}
	switch_to_old(t);
	move_kept(t, false);
	machines_stop(a, next, 0);
	free(next);
	a->next = NULL;
	/* Before the record forgets whose they were. */
	volumes_sweep(a, s->trial);
	free(s->trial);
	s->trial = NULL;
	s->tries = 0;
	remember(t);
	if (!a->stop)
		report_note(a, "rolled-back", t->cause, t->text, t->set);
	if (state_save(a->dir.fd, s, &err) == -1)
		log_err("state", &err);
	if (a->stop)
		return EXIT_AGAIN;
	a->bad_counter = t->set->counter;
	agent_trouble(a, PHASE_ROLLED_BACK, t->cause, t->text);
	report_tell(a);
	return EXIT_FAILED;
}

static int
attempt(struct trial *t)
{
	/* Where nothing ran there is nothing to go back to. */
	int64_t probation = t->a->live.set ? 1000 * t->a->conf.probation_s : 0;

	if (stage(t) == -1 ||
	    probation_watch(t, 0, TRIAL_STAGE_MS, "probe") == -1 ||
	    serves_asked(t) == -1)
		return -1;
	if (switch_to_new(t) == -1 ||
	    probation_watch(t, probation, TRIAL_SETTLE_MS, "probation") == -1)
		return -1;
	return commit(t);
}

int
trial_run(struct agent *a, const struct set *set, const struct plan *plan)
{
	struct trial t = { .a = a, .set = set, .plan = *plan };
	auto_buf struct buf text = BUF_INIT;
	struct set *kept;

	t.way_out = net_way_out();
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
		report_tell(a);
		return EXIT_DONE;
	}
	t.set = set; /* state.trial goes away */
	a->next->set = set;
	return go_back(&t);
}
