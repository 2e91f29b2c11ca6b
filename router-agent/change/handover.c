#include "router-agent/change/handover.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/machine/watch.h"

#define ASK_MS 2500 /* guest-init kills who does not end in 2 s */
#define PROBE_MS 400
#define TICK_MS 5

/* --- the lists ----------------------------------------------------------- */

void
handover_open(struct agent *a)
{
	a->leases = mem_zero(a->conf.nservices + 1, sizeof(*a->leases));
	for (size_t i = 0; i < a->conf.nservices; i++) {
		struct err err = ERR_INIT;

		if (leases_load(a->dir.leases, a->conf.services[i].name,
			&a->leases[i], &err) == -1)
			log_err("leases", &err);
	}
}

static void
save(struct agent *a, size_t i)
{
	struct err err = ERR_INIT;

	if (leases_save(a->dir.leases, a->conf.services[i].name, &a->leases[i],
		&err) == -1)
		log_err("leases", &err);
}

void
handover_step(struct agent *a)
{
	for (size_t i = 0; i < a->conf.nservices; i++)
		if (leases_due(&a->leases[i], time_mono_ms()))
			save(a, i);
}

void
handover_close(struct agent *a)
{
	for (size_t i = 0; a->leases && i < a->conf.nservices; i++) {
		if (a->leases[i].news || a->leases[i].renewals)
			save(a, i);
		leases_release(&a->leases[i]);
	}
	free(a->leases);
	a->leases = NULL;
}

static struct machine *
machine_of(struct machines *ms, const struct vm *vm)
{
	for (size_t i = 0; ms && i < SET_SERVICES; i++)
		if (&ms->at[i].vm == vm)
			return &ms->at[i];
	return NULL;
}

void
handover_heard(void *arg, struct vm *vm, const struct lease_word *w)
{
	struct agent *a = arg;
	const struct agent_service *c =
	    agent_conf_service(&a->conf, vm->service);
	struct machine *m = machine_of(&a->live, vm);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct leases *l;

	if (!m)
		m = machine_of(a->next, vm);
	if (!m || !c || !a->leases)
		return;
	l = &a->leases[c - a->conf.services];
	if (w->verb != LEASE_ASKED) {
		/* One that starts repeats what it was told. */
		if (m->on_lan)
			leases_take(l, w, time_now());
		return;
	}
	m->asks = true;
	leases_text(l, w->token, time_now(), &text);
	if (vm_tell(vm, &text, &err) == -1)
		log_err("leases", &err);
	else
		m->told = true;
}

/* --- handing over -------------------------------------------------------- */

void
handover_settle(struct agent *a)
{
	int64_t until = time_mono_ms() + HANDOVER_SETTLE_MS;

	while (time_mono_ms() < until)
		agent_wait(a, -1, until - time_mono_ms());
}

static const struct set_service *
service_of(const struct agent *a, const struct machine *m)
{
	const struct set *set =
	    a->next && machine_of(a->next, &m->vm) ? a->next->set : a->live.set;

	return set_service(set, m->vm.service);
}

/* Asked by a probe of its own: the next regular one may be a while. */
static int
ready(struct agent *a, struct machine *m, int64_t until, struct err *err)
{
	const struct agent_service *c =
	    agent_conf_service(&a->conf, m->vm.service);
	struct probe_run p = PROBE_RUN_INIT;
	char text[PROBE_TEXT] = "no answer";
	int got = -1;

	while (got != 1 && !a->stop && time_mono_ms() < until &&
	       m->vm.state == VM_UP) {
		if (p.sock == -1 &&
		    probe_start(&p, service_of(a, m), c->config, a->conf.bridge,
			c->address, a->conf.lan_address, m->vm.tap, PROBE_MS,
			err) == -1)
			return -1;
		agent_wait(a, p.sock, TICK_MS);
		got = probe_result(&p, text);
	}
	probe_stop(&p);
	if (got == 1)
		return 0;
	return err_set(err, ERR_SYSTEM,
	    "%s is not ready after the hand-over: %s", m->vm.service, text);
}

int
handover_take(
    struct agent *a, struct machine *const *m, size_t n, struct err *err)
{
	int64_t start = time_mono_ms(), until = start + HANDOVER_MS;

	for (size_t i = 0; i < n; i++) {
		m[i]->told = false;
		if (vm_clock(&m[i]->vm, time_now(), ASK_MS, err) == -1 ||
		    vm_ask(&m[i]->vm, WATCH_RESTART, ASK_MS, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		while (!m[i]->told && !a->stop && time_mono_ms() < until &&
		       m[i]->vm.state == VM_UP)
			agent_wait(a, -1, TICK_MS);
		if (!m[i]->told)
			return err_set(err, ERR_SYSTEM,
			    "%s does not ask for its leases", m[i]->vm.service);
	}
	for (size_t i = 0; i < n; i++)
		if (ready(a, m[i], until, err) == -1)
			return -1;
	log_info("handover", "machines=%zu ms=%lld", n,
	    (long long)(time_mono_ms() - start));
	return 0;
}
