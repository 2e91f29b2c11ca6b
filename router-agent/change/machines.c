#include "router-agent/change/machines.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/drop.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/handover.h"
#include "router-agent/change/obtain.h"
#include "router-agent/machine/solo5.h"
#include "router-agent/machine/tsc.h"
#include "router-agent/machine/volume.h"

#define BACKOFF_MAX_S 60
#define TRIAL_PROBE_MS 500
#define REPROBE_MS 2000 /* after a bad round */

void
machines_init(struct machines *m, const struct set *set)
{
	memset(m, 0, sizeof(*m));
	m->set = set;
	for (size_t i = 0; i < SET_SERVICES; i++) {
		m->at[i].vm = (struct vm)VM_INIT;
		m->at[i].probe = (struct probe_run)PROBE_RUN_INIT;
	}
}

/* --- start --------------------------------------------------------------- */

static bool
index_taken(const struct machines *m, unsigned index)
{
	for (size_t i = 0; m && i < SET_SERVICES; i++)
		if (m->at[i].vm.state != VM_OFF && m->at[i].vm.index == index)
			return true;
	return false;
}

static int
open_file(struct agent *a, const struct set_file *f, int *fd, struct err *err)
{
	if (obtain_check(a, f, err) == -1)
		return -1;
	return store_get(a->dir.store, &f->hash, fd, err);
}

/* What QEMU boots the image with, or the tender of a unikernel. */
static int
open_program(struct agent *a, const struct set *set,
    const struct set_service *s, struct vm_spec *spec, int fds[3],
    struct solo5 *u, char tender[SOLO5_PROGRAM], struct err *err)
{
	if (open_file(a, &s->image, &fds[2], err) == -1)
		return -1;
	spec->image = fds[2];
	if (s->solo5[0]) {
		spec->solo5 = u;
		spec->program = tender;
		if (solo5_from_text(s->solo5, u, err) == -1)
			return -1;
		return solo5_tender(&a->conf, u->target, tender, err);
	}
	if (open_file(a, &set->vmlinuz, &fds[0], err) == -1 ||
	    open_file(a, &set->initrd, &fds[1], err) == -1)
		return -1;
	spec->program = a->qemu;
	spec->kernel = fds[0];
	spec->initrd = fds[1];
	return 0;
}

/* They belong to the uid that this machine has now. */
static int
open_volumes(struct agent *a, const struct set_service *s, unsigned index,
    struct vm_spec *spec, int fds[SET_VOLUMES], struct err *err)
{
	uid_t uid = role_uid(ROLE_VM) + index;

	for (size_t i = 0; i < s->nvolumes; i++) {
		const struct set_volume *v = &s->volumes[i];
		int64_t size;

		if (volume_open(a->dir.volumes, s->name, v->name, s->state,
			&fds[i], err) == -1 ||
		    fd_size(fds[i], &size, err) == -1)
			return -1;
		if (role_walls() && fchown(fds[i], uid, uid) == -1)
			return err_sys(
			    err, "give volume %s to %s", v->name, s->name);
		spec->volumes[i] =
		    (struct guest_volume){ v->name, v->path, fds[i], size };
		spec->nvolumes++;
	}
	return 0;
}

static int
start(struct agent *a, const struct set_service *s, struct vm *vm,
    struct vm_spec *spec, struct err *err)
{
	int fds[SET_VOLUMES] = { -1, -1, -1, -1 }, ret;

	ret = open_volumes(a, s, spec->index, spec, fds, err);
	if (ret == 0)
		ret = vm_start(vm, spec, err);
	for (size_t i = 0; i < SET_VOLUMES; i++)
		own_close(&fds[i]);
	return ret;
}

int
machine_start(struct agent *a, struct machines *ms, size_t i, bool staged,
    struct err *err)
{
	const struct set_service *s = &ms->set->services[i];
	const struct agent_service *c = agent_conf_service(&a->conf, s->name);
	struct machine *m = &ms->at[i];
	auto_free char *cmdline = NULL;
	char tender[SOLO5_PROGRAM];
	struct solo5 u;
	int files[3] = { -1, -1, -1 }, ret;
	unsigned index = 0;

	m->wanted = c != NULL;
	if (!c) /* the owner took it out of the configuration */
		return 0;
	while (index_taken(&a->live, index) || index_taken(a->next, index))
		index++;
	if (index >= VM_MAX)
		return err_set(err, ERR_SYSTEM, "too many machines");
	cmdline = tsc_cmdline(ms->set->cmdline, ms->set->arch, a->accel.kind);
	struct vm_spec spec = {
		.service = s->name,
		.index = index,
		.arch = ms->set->arch,
		.accel = a->accel.kind,
		.machine = ms->set->machine,
		.cmdline = cmdline,
		.memory = set_guest_memory(ms->set, s),
		.patient = staged,
		.service_conf = c,
		.gateway = a->conf.lan_address,
		.prefix = a->conf.prefix,
		.config = c->config,
		.logdir = a->log,
		.heard = handover_heard,
		.arg = a,
	};
	ret = open_program(a, ms->set, s, &spec, files, &u, tender, err);
	if (ret == -1)
		err_prefix(err, "machine %s", s->name);
	else
		ret = start(a, s, &m->vm, &spec, err);
	for (size_t k = 0; k < ARRAY_LEN(files); k++)
		own_close(&files[k]);
	if (ret == -1)
		return -1;
	m->staged = staged;
	m->on_lan = m->speaks = m->asks = m->waits = m->frozen = false;
	m->asked[0] = '\0';
	m->good = m->bad = 0;
	m->program = 0;
	m->next_probe = 0;
	m->answer[0] = '\0';
	if (net_tap_stage(m->vm.tap, a->conf.bridge, err) == -1 ||
	    (m->vm.wan[0] && net_wan_stage(m->vm.wan, err) == -1) ||
	    (!staged && machine_attach(a, m, err) == -1)) {
		vm_kill(&m->vm);
		return err_prefix(err, "machine %s", s->name);
	}
	log_info("machine",
	    "service=%s state=started uid-index=%u accel=%s "
	    "lan=%s",
	    s->name, index,
	    s->solo5[0] ? solo5_target_name(u.target) : a->accel.kind,
	    staged ? "no" : "yes");
	return 0;
}

static size_t
port_of(const struct agent *a, const struct machine *m)
{
	return (size_t)(agent_conf_service(&a->conf, m->vm.service) -
			a->conf.services);
}

/* Behind the LAN's, as agent.c opened them. */
static size_t
wan_port_of(const struct agent *a, const struct machine *m)
{
	size_t at = a->conf.nservices;

	for (size_t i = 0; i < port_of(a, m); i++)
		at += a->conf.services[i].wan != NULL;
	return at;
}

static void
mute(const struct machine *m, struct buf *batch)
{
	port_mute(batch, m->vm.tap);
	if (m->vm.wan[0])
		port_mute(batch, m->vm.wan);
}

int
machine_give(
    struct agent *a, struct machine *m, struct buf *batch, struct err *err)
{
	if (m->on_lan)
		return 0;
	if (net_tap_unstage(m->vm.tap, err) == -1)
		return -1;
	if (m->speaks)
		mute(m, batch);
	port_give(batch, port_of(a, m), m->vm.tap);
	if (m->vm.wan[0])
		port_give(batch, wan_port_of(a, m), m->vm.wan);
	return 0;
}

void
machine_given(struct machine *m)
{
	m->on_lan = m->speaks = true;
	m->staged = false;
}

void
machine_hold(struct agent *a, struct machine *m, struct buf *batch)
{
	port_hold(batch, port_of(a, m));
}

void
machine_unhold(struct agent *a, struct machine *m, struct buf *batch)
{
	port_unhold(batch, port_of(a, m));
}

void
machine_leave(struct agent *a, struct machine *m, struct buf *batch)
{
	if (m->on_lan) {
		port_empty(batch, port_of(a, m));
		if (m->vm.wan[0])
			port_empty(batch, wan_port_of(a, m));
	}
	m->on_lan = false;
}

void
machine_mute(struct machine *m, struct buf *batch)
{
	/* One that ended took its tap along. */
	if (m->speaks && m->vm.state != VM_OFF && m->vm.state != VM_ENDED)
		mute(m, batch);
	m->speaks = false;
}

int
machine_attach(struct agent *a, struct machine *m, struct err *err)
{
	auto_buf struct buf batch = BUF_INIT;

	if (m->on_lan)
		return 0;
	if (a->ports.redirect) {
		if (machine_give(a, m, &batch, err) == -1 ||
		    ports_move(&batch, err) == -1)
			return -1;
		machine_given(m);
		return 0;
	}
	if (net_tap_attach(m->vm.tap, a->conf.bridge, err) == -1 ||
	    (m->vm.wan[0] &&
		net_wan_attach(m->vm.wan, a->conf.wan_bridge, err) == -1))
		return -1;
	m->on_lan = true;
	m->staged = false;
	return 0;
}

int
machine_detach(struct agent *a, struct machine *m, struct err *err)
{
	auto_buf struct buf batch = BUF_INIT;

	if (a->ports.redirect) {
		machine_leave(a, m, &batch);
		machine_mute(m, &batch);
		return ports_move(&batch, err);
	}
	if (m->on_lan &&
	    (net_tap_detach(m->vm.tap, a->conf.bridge, err) == -1 ||
		(m->vm.wan[0] &&
		    net_tap_detach(m->vm.wan, a->conf.wan_bridge, err) == -1)))
		return -1;
	m->on_lan = false;
	return 0;
}

void
machine_stop(struct agent *a, struct machine *m, int64_t grace_ms)
{
	(void)a;
	probe_stop(&m->probe);
	if (m->vm.state == VM_PAUSED) /* it has nothing left to finish */
		grace_ms = 0;
	if (m->vm.state != VM_OFF)
		vm_stop(&m->vm, grace_ms);
	m->on_lan = m->speaks = m->frozen = false;
}

void
machines_stop(struct agent *a, struct machines *ms, int64_t grace_ms)
{
	for (size_t i = 0; ms->set && i < ms->set->nservices; i++) {
		machine_stop(a, &ms->at[i], grace_ms);
		ms->at[i].wanted = false;
	}
}

/* --- watch --------------------------------------------------------------- */

/* It ended, hangs, or answers no more: kill it and come back later. */
static void
again(struct machine *m, const char *service, const char *why)
{
	int64_t wait;

	snprintf(m->fault, sizeof(m->fault), "%.199s", why);
	probe_stop(&m->probe);
	vm_kill(&m->vm);
	m->good = 0;
	m->ends++;
	m->restarts++;
	wait = m->ends > 6 ? BACKOFF_MAX_S : 1 << (m->ends - 1);
	m->retry_at = time_mono_ms() + (m->ends == 1 ? 0 : 1000 * wait);
	log_warn("machine", "service=%s state=ended why=\"%s\"", service, why);
}

static void
watch(struct agent *a, struct machine *m, const char *service)
{
	bool trying = !a->accel.settled && !m->vm.tender;
	int64_t patience = trying ? ACCEL_PROBE_MS : MACHINE_SILENT_MS;
	char why[WATCH_TEXT];

	vm_step(&m->vm);
	if (trying && m->vm.state == VM_UP) {
		accel_worked(&a->accel, m->vm.console_ms, a->dir.fd);
		log_info("accel", "accel=kvm why=\"%s\"", a->accel.why);
	}
	if (m->vm.state == VM_SILENT && vm_age_ms(&m->vm) > patience &&
	    (trying || vm_cpu_ms(&m->vm) > MACHINE_SILENT_CPU_MS ||
		vm_age_ms(&m->vm) > MACHINE_SILENT_MAX_MS))
		snprintf(why, sizeof(why), "no console output in %lld s",
		    (long long)vm_age_ms(&m->vm) / 1000);
	else if (m->vm.state == VM_ENDED)
		snprintf(why, sizeof(why), "%s", m->vm.why);
	else
		return;
	if (trying) {
		accel_failed(&a->accel, why, a->dir.fd);
		log_info("accel", "accel=tcg why=\"%s\"", a->accel.why);
		vm_kill(&m->vm);
		m->retry_at = 0;
		return;
	}
	again(m, service, why);
}

/* Has it had no processor for more than half of the time since it began not to
 * answer?  Then the host is busy, and a start would cost more of what lacks. */
static bool
starved(const struct machine *m, int64_t now)
{
	int64_t since = now - m->bad_at;

	return since < MACHINE_STARVED_MS &&
	       vm_waited_ms(&m->vm) - m->bad_waited > since / 2;
}

static void
round_done(struct machine *m, const char *service, bool good, const char *text)
{
	int64_t now = time_mono_ms();

	snprintf(m->answer, sizeof(m->answer), "%s", text);
	m->memory = vm_memory(&m->vm);
	m->cpu_ms = vm_cpu_ms(&m->vm);
	if (good) {
		m->good++;
		m->bad = m->ends = 0;
		m->next_probe = now + (m->good < 4 ? TRIAL_PROBE_MS
						   : MACHINE_LIVE_S * 1000);
		return;
	}
	m->good = 0;
	if (m->bad++ == 0) {
		m->bad_at = now;
		m->bad_waited = vm_waited_ms(&m->vm);
	}
	m->next_probe = now + (m->staged ? TRIAL_PROBE_MS : REPROBE_MS);
	/* One that still boots gets its time from whoever waits for it. */
	if (m->on_lan && m->bad >= MACHINE_BAD &&
	    vm_age_ms(&m->vm) > 2 * MACHINE_SILENT_MS && !starved(m, now)) {
		m->bad = 0;
		again(m, service, text);
	}
}

/* The next program of the image that is to be asked, once what can be asked
 * from outside is well.  False: there is none. */
static bool
ask_program(struct machine *m, const struct set_service *s)
{
	struct err err = ERR_INIT;

	while (m->program < s->nprobes) {
		const struct probe *p = &s->probes[m->program++];

		if (p->type != PROBE_PROGRAM)
			continue;
		if (vm_probe(&m->vm, p->name, &err) == 0)
			return true;
		m->program = 0;
		round_done(m, s->name, false, err.msg);
		return true;
	}
	m->program = 0;
	return false;
}

static void
program_result(struct machine *m, const struct set_service *s)
{
	char text[WATCH_TEXT], line[PROBE_TEXT];
	int got = vm_probe_result(&m->vm, text);

	if (got == -1)
		return;
	snprintf(line, sizeof(line), "program %.32s: %.190s",
	    s->probes[m->program - 1].name, text);
	if (got == 1 && ask_program(m, s))
		return;
	m->program = 0;
	round_done(m, s->name, got == 1, line);
}

static void
probe(struct agent *a, struct machine *m, const struct set_service *s)
{
	const struct agent_service *c = agent_conf_service(&a->conf, s->name);
	char text[PROBE_TEXT];
	struct err err = ERR_INIT;
	int got;

	if (m->probe.sock != -1) {
		got = probe_result(&m->probe, text);
		if (got == -1 || (got == 1 && ask_program(m, s)))
			return;
		round_done(m, s->name, got == 1, text);
		return;
	}
	if (m->program > 0) {
		program_result(m, s);
		return;
	}
	if (m->vm.state != VM_UP || time_mono_ms() < m->next_probe)
		return;
	if (probe_start(&m->probe, s, c->config, a->conf.bridge, c->address,
		a->conf.lan_address, m->on_lan ? NULL : m->vm.tap,
		m->staged ? MACHINE_PROBE_MS / 2 : MACHINE_PROBE_MS,
		&err) == -1) {
		m->next_probe = time_mono_ms() + REPROBE_MS;
		log_err("probe", &err);
	}
}

static void
restart(struct agent *a, struct machines *ms, size_t i)
{
	struct machine *m = &ms->at[i];
	struct err err = ERR_INIT;

	if (machine_start(a, ms, i, m->staged, &err) == 0)
		return;
	log_err("machine", &err);
	snprintf(m->fault, sizeof(m->fault), "%.199s", err.msg);
	m->ends++;
	m->retry_at = time_mono_ms() + 1000 * BACKOFF_MAX_S / 4;
	if (a->damaged && ms == &a->live)
		a->poll_now = true;
}

void
machines_step(struct agent *a, struct machines *ms)
{
	for (size_t i = 0; ms->set && i < ms->set->nservices; i++) {
		struct machine *m = &ms->at[i];

		if (!m->wanted) { /* paused: heard, and left alone */
			vm_step(&m->vm);
			continue;
		}
		if (m->vm.state == VM_OFF && time_mono_ms() >= m->retry_at) {
			/* While KVM is tried out, the others wait. */
			restart(a, ms, i);
			continue;
		}
		if (m->vm.state == VM_OFF)
			continue;
		watch(a, m, ms->set->services[i].name);
		if (m->vm.state != VM_OFF && m->vm.state != VM_PAUSED)
			probe(a, m, &ms->set->services[i]);
	}
}

size_t
machines_pollfds(const struct machines *ms, struct pollfd *p, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; ms->set && i < ms->set->nservices; i++) {
		const struct machine *m = &ms->at[i];

		if (n + 3 > room)
			break;
		n += vm_pollfds(&m->vm, p + n);
		if (m->probe.sock != -1)
			p[n++] = (struct pollfd){ m->probe.sock, POLLIN, 0 };
	}
	return n;
}
