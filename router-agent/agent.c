#include "router-agent/agent.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/boot.h"
#include "router-agent/change/beside.h"
#include "router-agent/change/cycle.h"
#include "router-agent/change/handover.h"
#include "router-agent/change/inherit.h"
#include "router-agent/change/obtain.h"
#include "router-agent/change/self.h"
#include "router-agent/change/volumes.h"
#include "router-agent/machine/qemu.h"
#include "router-agent/owner/enrol.h"
#include "router-agent/owner/notice.h"
#include "router-agent/owner/report.h"
#include "router-agent/owner/status.h"
#include "router-agent/owner/wish.h"
#include "router-agent/poll.h"

#define TICK_MS 200
#define SHOW_MS 500
#define GRACE_MS 8000 /* for a guest to switch itself off */
#define POLL_FDS (2 * 3 * SET_SERVICES + 2)

const char *
phase_name(enum phase p)
{
	static const char *const names[] = { "starting", "empty", "checking",
		"fetching", "staging", "probation", "committed", "waiting",
		"refused", "rolled-back", "failed", "stopped" };

	return names[p];
}

/* --- what people see ----------------------------------------------------- */

/* Writes status.json when something in it has changed. */
static void
show(struct agent *a)
{
	auto_json json_t *j = status_json(a);
	struct err err = ERR_INIT;
	struct hash now;

	a->show_at = time_mono_ms() + SHOW_MS;
	json_object_del(j, "updated");
	if (canon_hash(j, &now, &err) == -1 || hash_equal(&now, &a->shown))
		return;
	if (status_write(a, &err) == -1)
		log_err("status", &err);
	else
		a->shown = now;
}

void
agent_phase(struct agent *a, enum phase phase)
{
	if (a->phase != phase)
		log_info("phase", "phase=%s", phase_name(phase));
	a->phase = phase;
	if (phase == PHASE_COMMITTED) {
		a->cause[0] = a->error[0] = '\0';
		a->bad_counter = 0;
	}
	show(a);
}

void
agent_trouble(
    struct agent *a, enum phase phase, const char *cause, const char *error)
{
	bool same = strcmp(a->error, error) == 0 && a->phase == phase;

	snprintf(a->cause, sizeof(a->cause), "%s", cause);
	snprintf(a->error, sizeof(a->error), "%s", error);
	if (!same)
		log_warn("phase", "phase=%s cause=%s msg=\"%s\"",
		    phase_name(phase), a->cause, a->error);
	a->phase = phase;
	show(a);
}

/* --- the loop ------------------------------------------------------------ */

static void
take_signals(struct agent *a)
{
	struct signalfd_siginfo s;

	while (read(a->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGUSR1)
			a->poll_now = true;
		else if (s.ssi_signo == SIGUSR2)
			a->back = true;
		else if (s.ssi_signo == SIGHUP)
			a->reload = true;
		else if (s.ssi_signo != SIGCHLD)
			a->stop = true;
	}
}

int
agent_wait(struct agent *a, int fd, int64_t timeout_ms)
{
	struct pollfd p[POLL_FDS] = { { a->signals, POLLIN, 0 },
		{ fd, POLLIN, 0 } };
	size_t n = 2;

	n += machines_pollfds(&a->live, p + n, 3 * SET_SERVICES);
	if (a->next)
		n += machines_pollfds(a->next, p + n, 3 * SET_SERVICES);
	if (poll(p, n, timeout_ms > TICK_MS ? TICK_MS : (int)timeout_ms) ==
		-1 &&
	    errno != EINTR)
		log_warn("wait", "errno=%d", errno);
	if (p[0].revents)
		take_signals(a);
	machines_step(a, &a->live);
	if (a->next)
		machines_step(a, a->next);
	handover_step(a);
	settings_step(a);
	self_step(a);
	if (time_mono_ms() >= a->show_at)
		show(a);
	return p[1].revents != 0;
}

static void
start_current(struct agent *a)
{
	struct err err = ERR_INIT;
	const struct set *set = a->state.current;

	if (volumes_begin(a, &err) == -1)
		log_err("state", &err);
	machines_init(&a->live, set);
	for (size_t i = 0; set && i < set->nservices; i++) {
		if (inherit_machine(a, i))
			continue;
		if (machine_start(a, &a->live, i, false, &err) == 0)
			continue;
		log_err("machine", &err);
		snprintf(a->live.at[i].fault, sizeof(a->live.at[i].fault),
		    "%.199s", err.msg);
		a->live.at[i].retry_at = time_mono_ms() + 15000;
	}
	inherit_close(a);
	agent_phase(a, set ? PHASE_COMMITTED : PHASE_EMPTY);
}

/*
 * A committed set of which something rotted cannot start: the one before does,
 * else the golden one, so that the LAN is served while it is fetched again.
 */
static void
take_whole(struct agent *a)
{
	struct state *s = &a->state;
	struct set *instead = NULL, *rotten;
	struct err err = ERR_INIT;

	if (!s->current || obtain_whole(a, s->current))
		return;
	if (s->previous && obtain_whole(a, s->previous))
		instead = set_dup(s->previous);
	else if (s->golden && obtain_whole(a, s->golden))
		instead = set_dup(s->golden);
	log_warn("damaged", "set=%lld instead=%lld",
	    (long long)s->current->counter,
	    instead ? (long long)instead->counter : 0);
	if (!instead)
		return;
	rotten = s->current;
	volumes_inherit(a, rotten, instead);
	s->current = instead;
	if (state_save(a->dir.fd, s, &err) == -1) {
		log_err("state", &err);
		s->current = rotten;
		free(instead);
		return;
	}
	free(rotten);
}

static uint32_t
chance(void)
{
	uint32_t any;

	return getrandom(&any, sizeof(any), 0) == sizeof(any) ? any : 500;
}

/* Who runs nothing, has lost a part of what it runs, or is asked by its owner,
 * does not wait. */
static int64_t
first_poll(struct agent *a, bool once)
{
	bool booted = boot_is_new(a->dir.fd);
	struct err err = ERR_INIT;
	struct wish w;
	int64_t wait;

	if (once || !booted || !a->state.current || a->damaged ||
	    wish_read(a->dir.fd, &w, &err) == -1 || w.kind != WISH_NONE)
		return 0;
	wait = poll_first(a->conf.poll_s, chance());
	log_info("poll", "first-in=%lld", (long long)(wait / 1000));
	a->next_check = time_now() + wait / 1000;
	return wait;
}

static int64_t
next_poll(struct agent *a, int result)
{
	struct poll_plan p = { .every_s = a->conf.poll_s,
		.wait_s = a->wait_s,
		.retry_after = a->retry_after,
		.fails = a->fails };
	int64_t wait = poll_next(&p, result == EXIT_AGAIN, chance());

	a->fails = p.fails;
	return wait;
}

/* Of this machine, not of a server's. */
static bool
ours(const char *cause)
{
	static const char *const words[] = { "system", "state", "read-only",
		"wish", "hold", NULL };
	size_t i = 0;

	while (words[i] && strcmp(words[i], cause) != 0)
		i++;
	return words[i] != NULL;
}

/*
 * What a cycle has written is counted on flash when it has written there
 * itself.  Where it failed, that shows whether flash can still be written: one
 * that is worn fails from some day on, the set that runs serves from memory
 * and what was read before, and its owner has to know.
 */
static void
look_at_flash(struct agent *a, int64_t before, int result)
{
	int64_t now = time_now();
	struct err err = ERR_INIT;

	if (traffic_written(&a->traffic, 0, now) <= before &&
	    (result == EXIT_DONE || !ours(a->cause)))
		return;
	if (traffic_keep(a->dir.fd, &a->traffic, now, &err) == 0)
		return;
	log_err("traffic", &err);
	if (err.sys == EIO || err.sys == EROFS)
		notice_tell(a, NOTICE_NEEDS_YOU,
		    "the flash takes no writes any more: what runs goes on, "
		    "and nothing newer comes");
}

static int
serve(struct agent *a, bool once)
{
	int64_t at = time_mono_ms() + first_poll(a, once);
	int result = EXIT_DONE;

	while (!a->stop) {
		int64_t left = at - time_mono_ms(), before;

		if (left > 0 && !a->poll_now) {
			agent_wait(a, -1, left);
			continue;
		}
		a->poll_now = false;
		before = traffic_written(&a->traffic, 0, time_now());
		result = cycle_run(a);
		look_at_flash(a, before, result);
		enrol_waiting(a);
		report_send(a);
		/* For hours nothing is done: its memory is the router's. */
		fetcher_rest(a->fetcher);
		(void)malloc_trim(0);
		if (once)
			break;
		settings_settle(a);
		/* Where it comes back the supervisor has to start the next. */
		if (!a->stop && self_update(a))
			break;
		left = next_poll(a, result);
		at = time_mono_ms() + left;
		a->next_check = time_now() + left / 1000;
	}
	return once ? result : EXIT_DONE;
}

/* The LAN's port of each service, then a second one of those with a card
 * towards the provider: machines.c counts in the same order. */
static int
open_ports(struct agent *a, struct err *err)
{
	const char *bridges[PORTS_MAX];
	size_t n = 0;

	if (a->conf.wan_bridge &&
	    net_bridge_bare(a->conf.wan_bridge, err) == -1)
		return -1;
	for (size_t i = 0; i < a->conf.nservices; i++)
		bridges[n++] = a->conf.bridge;
	for (size_t i = 0; i < a->conf.nservices; i++)
		if (a->conf.services[i].wan)
			bridges[n++] = a->conf.wan_bridge;
	if (inherit_ports(a))
		return 0;
	return ports_open(&a->ports, bridges, n, err);
}

int
agent_run(struct agent *a, bool once)
{
	struct err err = ERR_INIT;
	int result;

	if (net_bridge(a->conf.bridge, a->conf.lan_address, a->conf.prefix,
		&err) == -1 ||
	    open_ports(a, &err) == -1) {
		log_err("lan", &err);
		return err_exit(&err);
	}
	if (a->ports.redirect)
		log_info("lan", "switch=redirect");
	else
		log_warn("lan",
		    "switch=bridge msg=\"a switch may lose packets: there is "
		    "no %s\"",
		    a->ports.missing);
	cycle_recover(a);
	take_whole(a);
	settings_suit(a);
	start_current(a);
	report_tell(a); /* what a kill left untold */
	result = serve(a, once);
	beside_end_all(a);
	machines_stop(a, &a->live, GRACE_MS);
	if (a->ports.redirect)
		ports_close(&a->ports);
	agent_phase(a, PHASE_STOPPED);
	return result;
}

/* --- life ---------------------------------------------------------------- */

static int
catch_signals(struct agent *a, struct err *err)
{
	sigset_t set;

	/* A supervisor that is gone is no reason to go, too. */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return err_sys(err, "block signals");
	a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signals == -1)
		return err_sys(err, "listen for signals");
	return 0;
}

static int
open_parts(struct agent *a, const char *config, struct err *err)
{
	if (agent_conf_read(&a->conf, config, err) == -1)
		return -1;
	a->qemu = qemu_program(a->conf.arch);
	if (!a->qemu)
		return err_set(err, ERR_MISSING, "no QEMU for %s is installed",
		    a->conf.arch);
	if (state_dir_open(&a->dir, a->conf.state, err) == -1 ||
	    state_load(a->dir.fd, &a->state, err) == -1 ||
	    catch_signals(a, err) == -1)
		return -1;
	/* What runs would end, and its machine not start again. */
	if (a->state.current &&
	    plan_config(&a->conf, a->state.current, err) == -1)
		return -1;
	handover_open(a);
	settings_open(a);
	accel_choose(&a->accel, &a->conf, a->dir.fd);
	fd_meter(a->dir.fd);
	traffic_load(a->dir.fd, report_told(a), &a->traffic);
	a->status = status_dir(a->conf.state, true, err);
	if (a->status == -1 ||
	    (a->log = dir_make_at(a->status, "log", 0755, err)) == -1)
		return -1;
	a->fetcher = fetcher_start(NULL, NULL, err);
	return a->fetcher ? 0 : -1;
}

int
agent_open(struct agent *a, const char *config, struct err *err)
{
	memset(a, 0, sizeof(*a));
	a->signals = a->status = a->log = -1;
	a->dir = (struct state_dir)STATE_DIR_NONE;
	machines_init(&a->live, NULL);
	a->config = config;
	self_open(a);
	inherit_open(a);
	if (open_parts(a, config, err) == 0)
		return 0;
	agent_release(a);
	return -1;
}

void
agent_release(struct agent *a)
{
	inherit_close(a);
	fetcher_stop(a->fetcher);
	free(a->planned);
	handover_close(a);
	settings_close(a);
	own_close(&a->signals);
	own_close(&a->status);
	own_close(&a->log);
	state_release(&a->state);
	state_dir_release(&a->dir);
	agent_conf_release(&a->conf);
}
