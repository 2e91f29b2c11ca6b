#include "router-agent/change/beside.h"

#include <stdlib.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "router-agent/agent.h"

/* A trial's machines are of another set. */
static bool
ours(const struct agent *a)
{
	return a->next && a->next->set == a->live.set;
}

static bool
can_be(struct agent *a, size_t i)
{
	const struct set_service *s = &a->live.set->services[i];
	const struct machine *m = &a->live.at[i];
	struct plan_host host;
	struct err err = ERR_INIT;

	if (s->handover != HANDOVER_PARALLEL || s->nvolumes > 0 ||
	    !a->ports.redirect || !m->wanted || !m->on_lan ||
	    m->vm.state != VM_UP || (a->next && !ours(a)))
		return false;
	if (plan_host(&host, a->dir.fd, a->dir.store, a->dir.volumes,
		a->accel.kind, a->conf.state_copy, &err) == 0)
		return plan_has_room(a->live.set, s, &host);
	log_err("settings", &err);
	return false;
}

static void
end_place(struct agent *a)
{
	for (size_t i = 0; i < a->live.set->nservices; i++)
		if (beside_machine(a, i))
			return;
	free(a->next);
	a->next = NULL;
}

bool
beside_begin(struct agent *a, size_t i)
{
	struct machine *old = &a->live.at[i];
	struct err err = ERR_INIT;

	if (!can_be(a, i))
		return false;
	if (!a->next) {
		a->next = mem_alloc(sizeof(*a->next));
		machines_init(a->next, a->live.set);
	}
	if (machine_start(a, a->next, i, true, &err) == -1) {
		log_err("settings", &err);
		a->next->at[i].wanted = false;
		end_place(a);
		return false;
	}
	/* It serves on, and is neither asked nor started by the new config. */
	probe_stop(&old->probe);
	old->wanted = false;
	return true;
}

struct machine *
beside_machine(const struct agent *a, size_t i)
{
	struct machine *m = ours(a) ? &a->next->at[i] : NULL;

	return m && (m->wanted || m->vm.state != VM_OFF) ? m : NULL;
}

int
beside_switch(struct agent *a, size_t i, struct err *err)
{
	struct machine *new = &a->next->at[i], *old = &a->live.at[i], was;
	auto_buf struct buf batch = BUF_INIT;

	if (vm_hurry(&new->vm, err) == -1 ||
	    machine_give(a, new, &batch, err) == -1 ||
	    ports_move(&batch, err) == -1)
		return -1;
	machine_given(new);
	old->on_lan = false;
	was = *old;
	*old = *new;
	*new = was;
	return 0;
}

void
beside_end(struct agent *a, size_t i)
{
	struct machine *m = beside_machine(a, i), *live = &a->live.at[i];
	auto_buf struct buf mute = BUF_INIT;
	struct err err = ERR_INIT;

	if (!m)
		return;
	machine_mute(m, &mute);
	if (ports_move(&mute, &err) == -1)
		log_err("settings", &err);
	m->wanted = false;
	machine_stop(a, m, 0);
	live->wanted = true;
	live->next_probe = 0;
	end_place(a);
}

void
beside_end_all(struct agent *a)
{
	for (size_t i = 0; ours(a) && i < a->live.set->nservices; i++)
		beside_end(a, i);
}
