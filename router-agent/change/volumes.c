#include "router-agent/change/volumes.h"

#include <string.h>

#include "lib/log.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/machine/volume.h"
#include "router-agent/machine/watch.h"

/* --- the old machine ----------------------------------------------------- */

int
volumes_freeze(struct machine *m, struct err *err)
{
	if (m->frozen || m->vm.state == VM_OFF || m->vm.state == VM_ENDED)
		return 0;
	if (vm_ask(&m->vm, WATCH_FREEZE, VOLUMES_FREEZE_MS, err) == -1)
		return -1;
	m->frozen = true;
	return 0;
}

void
volumes_thaw(struct machine *m)
{
	struct err err = ERR_INIT;

	if (!m->frozen)
		return;
	m->frozen = false;
	if (m->vm.state == VM_OFF || m->vm.state == VM_ENDED ||
	    vm_ask(&m->vm, WATCH_THAW, VOLUMES_FREEZE_MS, &err) == 0)
		return;
	/* Its services would wait for ever. */
	log_err("thaw", &err);
	vm_kill(&m->vm);
	m->retry_at = 0;
}

/* --- which --------------------------------------------------------------- */

static const struct set_service *
in(const struct set *set, const char *service)
{
	return set ? set_service(set, service) : NULL;
}

static int64_t
state_of(const struct set *set, const char *service)
{
	const struct set_service *s = in(set, service);

	return s ? s->state : 0;
}

/* A set that ran before comes back with its own; any other goes on with what
 * runs, or with what such a service left here once. */
static int64_t
source(struct trial *t, const struct set_service *s)
{
	const struct agent *a = t->a;
	int64_t own = s->state, live = state_of(a->state.current, s->name);

	if (own > 0 && s->nvolumes > 0 &&
	    volume_allocated(a->dir.volumes, s->name, s->volumes[0].name, own))
		return own;
	return live > 0 ? live : volume_newest(a->dir.volumes, s->name);
}

void
volumes_assign(struct trial *t, struct set *next)
{
	for (size_t i = 0; i < next->nservices; i++) {
		struct set_service *s = &next->services[i];
		int64_t newest = volume_newest(t->a->dir.volumes, s->name);

		t->source[i] = 0;
		if (s->nvolumes == 0 ||
		    !agent_conf_service(&t->a->conf, s->name))
			s->state = 0;
		else if (t->plan.act[i] == PLAN_KEEP)
			s->state = state_of(t->a->state.current, s->name);
		else {
			t->source[i] = source(t, s);
			s->state = newest + 1;
		}
	}
}

/* --- copies -------------------------------------------------------------- */

static bool
keep_serving(void *arg)
{
	struct agent *a = arg;

	agent_wait(a, -1, 0);
	return a->stop;
}

static int
make(struct trial *t, size_t i, struct err *err)
{
	const struct set_service *s = &t->set->services[i];
	struct agent *a = t->a;
	int64_t start = time_mono_ms();

	for (size_t k = 0; k < s->nvolumes; k++) {
		const struct set_volume *v = &s->volumes[k];
		int ret = -1;

		if (t->source[i] > 0) {
			ret = volume_copy(a->dir.volumes, s->name, v,
			    t->source[i], s->state, a->conf.state_copy,
			    keep_serving, a, err);
			if (ret == -1 && err->cls != ERR_MISSING)
				return -1;
			err_clear(err);
		}
		if (ret == -1 && volume_make(a->dir.volumes, s->name, v,
				     s->state, err) == -1)
			return -1;
	}
	log_info("state", "service=%s from=%lld to=%lld ms=%lld", s->name,
	    (long long)t->source[i], (long long)s->state,
	    (long long)(time_mono_ms() - start));
	return 0;
}

/* Does the old machine write what is to be copied? */
static struct machine *
writer(struct trial *t, size_t i)
{
	const char *name = t->set->services[i].name;

	if (t->source[i] == 0 || t->source[i] != state_of(t->a->live.set, name))
		return NULL;
	return trial_old(t, name);
}

/* One that still boots cannot be frozen yet. */
static void
wait_well(struct agent *a, const struct machine *old)
{
	int64_t until = time_mono_ms() + VOLUMES_WELL_MS;

	while (
	    !a->stop && old->wanted && old->good == 0 && time_mono_ms() < until)
		agent_wait(a, -1, 100);
}

/* Nobody writes any more; one that cannot be frozen is ended, which is as
 * after a power cut: its journal says what counts. */
static void
quiet(struct machine *old)
{
	struct err err = ERR_INIT;

	if (volumes_freeze(old, &err) == 0)
		return;
	log_err("freeze", &err);
	probe_stop(&old->probe);
	vm_kill(&old->vm);
	old->on_lan = old->speaks = false;
}

int
volumes_stage(struct trial *t, size_t i)
{
	struct machine *old = writer(t, i);
	struct err err = ERR_INIT;
	bool wanted;
	int ret;

	if (t->set->services[i].state == 0)
		return 0;
	if (!old)
		return make(t, i, &err) == 0
			   ? 0
			   : trial_fail(t, "start", "%.230s", err.msg);
	wait_well(t->a, old);
	/* One that is off must not start meanwhile. */
	wanted = old->wanted;
	old->wanted = false;
	quiet(old);
	ret = make(t, i, &err);
	volumes_thaw(old);
	old->wanted = wanted;
	old->retry_at = 0;
	return ret == 0 ? 0 : trial_fail(t, "start", "%.230s", err.msg);
}

static int
hand_over(struct trial *t, size_t i, struct machine *old)
{
	struct machines *next = t->a->next;
	struct err err = ERR_INIT;
	int ret;

	quiet(old);
	next->at[i].wanted = false;
	machine_stop(t->a, &next->at[i], 0);
	ret = make(t, i, &err);
	if (ret == 0)
		ret = machine_start(t->a, next, i, true, &err);
	next->at[i].wanted = true;
	return ret == 0 ? 0 : trial_fail(t, "start", "%.230s", err.msg);
}

int
volumes_hand_over(struct trial *t, bool *moved)
{
	*moved = false;
	for (size_t i = 0; i < t->set->nservices; i++) {
		struct machine *old = writer(t, i);

		if (!trial_is_new(t, i) || !old || t->stopped[i])
			continue;
		*moved = true;
		if (hand_over(t, i, old) == -1)
			return -1;
	}
	return 0;
}

int
volumes_begin(struct agent *a, struct err *err)
{
	struct set *set = a->state.current;
	bool changed = false;

	for (size_t i = 0; set && i < set->nservices; i++) {
		struct set_service *s = &set->services[i];

		if (s->nvolumes == 0 || s->state > 0 ||
		    !agent_conf_service(&a->conf, s->name))
			continue;
		s->state = volume_newest(a->dir.volumes, s->name);
		changed = true;
		if (s->state > 0)
			continue;
		s->state = 1;
		for (size_t k = 0; k < s->nvolumes; k++)
			if (volume_make(a->dir.volumes, s->name, &s->volumes[k],
				1, err) == -1) {
				s->state = 0;
				return -1;
			}
	}
	return changed ? state_save(a->dir.fd, &a->state, err) : 0;
}

void
volumes_inherit(struct agent *a, const struct set *from, struct set *to)
{
	for (size_t i = 0; i < to->nservices; i++) {
		struct set_service *s = &to->services[i];
		int64_t state = state_of(from, s->name);

		if (s->nvolumes > 0)
			s->state = state > 0
				       ? state
				       : volume_newest(a->dir.volumes, s->name);
	}
}

/* --- sweeping ------------------------------------------------------------ */

struct sweep {
	const struct agent *a;
	const struct set *dead;
};

static bool
kept(const void *arg, const char *service, int64_t generation)
{
	const struct sweep *w = arg;
	const struct state *s = &w->a->state;
	int64_t now = state_of(s->current, service),
		before = state_of(s->previous, service);

	if (generation == now || generation == before)
		return true;
	if (generation == state_of(w->dead, service))
		return false;
	return now == 0 && before == 0 &&
	       generation == volume_newest(w->a->dir.volumes, service);
}

void
volumes_sweep(struct agent *a, const struct set *dead)
{
	const struct sweep w = { a, dead };
	struct err err = ERR_INIT;

	if (volume_sweep(a->dir.volumes, kept, &w, &err) == -1)
		log_err("sweep", &err);
}
