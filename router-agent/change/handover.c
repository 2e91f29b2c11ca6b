#include "router-agent/change/handover.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "router-agent/agent.h"
#include "router-agent/change/settings.h"
#include "router-agent/machine/watch.h"

/* guest-init kills who does not end in 2 s.  Nobody is held up meanwhile, and
 * who is given up boots anew, which takes longer than a busy host's answer. */
#define ASK_MS 10000
/* For one that the host gives no processor, beside the time it has. */
#define STARVED_MS 20000
#define PROBE_MS 400
#define PROBE_AGAIN_MS 2000 /* a busy host's answer comes, but late */
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
handover_save(struct agent *a)
{
	for (size_t i = 0; a->leases && i < a->conf.nservices; i++)
		if (a->leases[i].news || a->leases[i].renewals)
			save(a, i);
}

void
handover_close(struct agent *a)
{
	handover_save(a);
	for (size_t i = 0; a->leases && i < a->conf.nservices; i++)
		leases_release(&a->leases[i]);
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

/* All that has not ended, to one that asked. */
static void
tell(struct agent *a, struct machine *m)
{
	const struct agent_service *c =
	    agent_conf_service(&a->conf, m->vm.service);
	auto_buf struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	leases_text(
	    &a->leases[c - a->conf.services], m->asked, time_now(), &text);
	m->asked[0] = '\0';
	if (vm_tell(&m->vm, &text, &err) == -1)
		log_err("leases", &err);
}

static void
take_lease(struct agent *a, struct vm *vm, const struct lease_word *w)
{
	const struct agent_service *c =
	    agent_conf_service(&a->conf, vm->service);
	struct machine *m = machine_of(&a->live, vm);
	struct leases *l;

	if (!m)
		m = machine_of(a->next, vm);
	if (!m || !c || !a->leases)
		return;
	l = &a->leases[c - a->conf.services];
	if (w->verb != LEASE_ASKED) {
		/* One that starts repeats what it was told. */
		if (m->on_lan) {
			leases_take(l, w, time_now());
			a->leased_ms = time_mono_ms();
		}
		return;
	}
	m->asks = true;
	memcpy(m->asked, w->token, sizeof(m->asked));
	if (!m->waits)
		tell(a, m);
}

int
handover_heard(void *arg, struct vm *vm, struct ipc_msg *msg, struct err *err)
{
	struct lease_word w;

	if (msg->type == WATCH_SETTING)
		return settings_heard(arg, vm, msg, err);
	if (lease_word_receive(msg, &w, err) == -1)
		return -1;
	take_lease(arg, vm, &w);
	return 0;
}

/* --- handing over -------------------------------------------------------- */

static const struct set_service *
service_of(const struct agent *a, const struct machine *m)
{
	const struct set *set =
	    a->next && machine_of(a->next, &m->vm) ? a->next->set : a->live.set;

	return set_service(set, m->vm.service);
}

void
handover_heir(struct heirs *h, struct machine *m)
{
	h->at[h->n++] = (struct heir){ .m = m, .ready = PROBE_RUN_INIT };
}

/* Since when a machine is waited for. */
struct patience {
	int64_t start, waited; /* time_mono_ms(), vm_waited_ms() */
};

static struct patience
patience(const struct machine *m)
{
	return (struct patience){ time_mono_ms(), vm_waited_ms(&m->vm) };
}

/* Past `ms` it has what it waited for a processor since, too. */
static bool
lasts(const struct machine *m, const struct patience *p, int64_t ms)
{
	int64_t over = time_mono_ms() - p->start - ms;

	return over < 0 ||
	       (over < STARVED_MS && over < vm_waited_ms(&m->vm) - p->waited);
}

static int
wait_asked(struct agent *a, const struct machine *m, struct err *err)
{
	struct patience p = patience(m);

	while (!m->asked[0] && !a->stop && lasts(m, &p, ASK_MS) &&
	       m->vm.state == VM_UP)
		agent_wait(a, -1, TICK_MS);
	if (m->asked[0])
		return 0;
	return err_set(
	    err, ERR_SYSTEM, "%s does not ask for its leases", m->vm.service);
}

/* By a probe of its own: the next regular one may be a while. */
static int
prepare_probe(struct agent *a, struct heir *h, int ms, struct err *err)
{
	const struct machine *m = h->m;
	const struct agent_service *c =
	    agent_conf_service(&a->conf, m->vm.service);

	return probe_prepare(&h->ready, service_of(a, m), c->config,
	    a->conf.bridge, c->address, a->conf.lan_address, m->vm.tap, ms,
	    err);
}

int
handover_prepare(struct agent *a, struct heirs *h, struct err *err)
{
	for (size_t i = 0; i < h->n; i++) {
		struct machine *m = h->at[i].m;

		m->asked[0] = '\0';
		m->waits = true;
		if (vm_clock(&m->vm, time_now(), ASK_MS, err) == -1 ||
		    vm_ask(&m->vm, WATCH_RESTART, ASK_MS, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < h->n; i++)
		if (wait_asked(a, h->at[i].m, err) == -1 ||
		    prepare_probe(a, &h->at[i], PROBE_MS, err) == -1)
			return -1;
	return 0;
}

static void
settle(struct agent *a)
{
	int64_t start = time_mono_ms(), now = start, until = start;

	/* A busy machine owes more than one word: as long as they come. */
	while (now - start < HANDOVER_SETTLE_MAX_MS && !a->stop) {
		until = (a->leased_ms > start ? a->leased_ms : start) +
			HANDOVER_SETTLE_MS;
		if (now >= until)
			break;
		agent_wait(a, -1, until - now);
		now = time_mono_ms();
	}
}

static int
wait_ready(
    struct agent *a, struct heir *h, const struct patience *p, struct err *err)
{
	const struct machine *m = h->m;
	char text[PROBE_TEXT] = "no answer";
	int got = -1;

	while (!a->stop && lasts(m, p, HANDOVER_MS) && m->vm.state == VM_UP) {
		agent_wait(a, h->ready.sock, TICK_MS);
		got = probe_result(&h->ready, text);
		if (got == 1)
			return 0;
		if (got == 0 &&
		    (prepare_probe(a, h, PROBE_AGAIN_MS, err) == -1 ||
			probe_go(&h->ready, err) == -1))
			return -1;
	}
	return err_set(err, ERR_SYSTEM,
	    "%s is not ready after the hand-over: %s", m->vm.service, text);
}

int
handover_take(struct agent *a, struct heirs *h, struct err *err)
{
	struct patience since[SET_SERVICES];
	int64_t start = time_mono_ms();

	for (size_t i = 0; i < h->n; i++)
		since[i] = patience(h->at[i].m);
	settle(a);
	for (size_t i = 0; i < h->n; i++) {
		h->at[i].m->waits = false;
		if (h->at[i].m->asked[0])
			tell(a, h->at[i].m);
		if (probe_go(&h->at[i].ready, err) == -1)
			return -1;
	}
	for (size_t i = 0; i < h->n; i++)
		if (wait_ready(a, &h->at[i], &since[i], err) == -1)
			return -1;
	log_info("handover", "machines=%zu ms=%lld", h->n,
	    (long long)(time_mono_ms() - start));
	return 0;
}

void
handover_end(struct agent *a, struct heirs *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct machine *m = h->at[i].m;

		probe_stop(&h->at[i].ready);
		m->waits = false;
		if (m->asked[0] && m->vm.state == VM_UP)
			tell(a, m);
	}
}
