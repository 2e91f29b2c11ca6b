#include "router-agent/change/cycle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/due.h"
#include "router-agent/change/obtain.h"
#include "router-agent/change/serves.h"
#include "router-agent/change/trial.h"
#include "router-agent/change/volumes.h"
#include "router-agent/owner/hold.h"
#include "router-agent/owner/notice.h"
#include "router-agent/owner/report.h"
#include "router-agent/owner/router_file.h"
#include "router-agent/owner/wish.h"
#include "router-agent/trust/verify.h"

#define VERIFY_MS (20 * 60 * 1000)
#define VERIFY_TICK_MS 1000

/* --- verify -------------------------------------------------------------- */

/* The verifier works; the machines go on. */
static int
verified(struct agent *a, struct verify *v, int stick, struct set *set,
    char word[RULES_WORD], struct err *err)
{
	int64_t until = time_mono_ms() + VERIFY_MS;
	int ret = -1, said = 0;

	snprintf(word, RULES_WORD, "system");
	if (verify_start(v, &a->conf, &a->state, &a->dir, stick, err) == -1)
		return -1;
	while (!a->stop && !said && time_mono_ms() < until)
		said = agent_wait(a, v->sock, VERIFY_TICK_MS);
	if (a->stop || !said) {
		snprintf(word, RULES_WORD, a->stop ? "stopped" : "timeout");
		err_set(err, ERR_BUSY,
		    a->stop ? "stopped while verifying"
			    : "the verifier takes too long");
	} else {
		ret = verify_result(v, set, word, err);
		a->clock = v->clock;
		a->retry_after = v->retry_after;
		(void)traffic_written(&a->traffic, v->written, time_now());
		if (v->now > 0)
			fetcher_at(a->fetcher,
			    clock_for_tls(&(struct clock_view){
				.state = v->clock, .time = v->now }));
	}
	verify_stop(v);
	return ret;
}

/* --- one pass ------------------------------------------------------------ */

static int
not_taken(struct agent *a, const char *word, const struct err *err)
{
	/* Not being able to ask is no verdict on what is offered. */
	if (err->cls == ERR_BUSY || err->cls == ERR_SYSTEM ||
	    err->cls == ERR_MISSING) {
		agent_trouble(a, PHASE_FAILED, word, err->msg);
		return EXIT_AGAIN;
	}
	agent_trouble(a, PHASE_REFUSED, word, err->msg);
	report_refused(a, word, err->msg);
	return EXIT_TRUST;
}

static int
was_bad(struct agent *a, const struct set *set, const struct state_bad *bad)
{
	a->bad_counter = set->counter;
	agent_trouble(a, PHASE_ROLLED_BACK, bad->cause, bad->text);
	return EXIT_FAILED;
}

static int
waits(struct agent *a, const char *cause, const char *why, int64_t seconds)
{
	a->wait_s = seconds > 0 ? seconds : 1;
	agent_trouble(a, PHASE_WAITING, cause, why);
	return 1;
}

/* A set that failed after the switch gets other chances, later. */
static int
tried_again(struct agent *a, const struct set *set, int64_t now)
{
	const struct state_retry *r = &a->state.retry;
	int64_t wait = state_retry_wait(&a->state, &set->sha256, now);
	char at[TIME_TEXT], why[STATE_TEXT];

	if (wait == 0)
		return 0;
	time_text(now + wait, at);
	snprintf(why, sizeof(why), "%.160s; try %lld of %d comes at %s",
	    r->text, (long long)r->failures, STATE_RETRIES, at);
	a->wait_s = wait;
	a->bad_counter = set->counter;
	agent_trouble(a, PHASE_ROLLED_BACK, r->cause, why);
	return 1;
}

static int
not_approved(struct agent *a, const struct set *set)
{
	char hex[HASH_HEX], why[STATE_TEXT];

	hash_hex(&a->plan.hash, hex);
	snprintf(why, sizeof(why),
	    "set %lld is offered; its owner is asked: kiln-agent confirm %s",
	    (long long)set->counter, hex);
	notice_tell(a, NOTICE_NEEDS_YOU, why);
	return waits(a, "approval", why, a->conf.poll_s);
}

/* Does the owner want just this plan, now? */
static bool
applied(const struct agent *a)
{
	struct err ignored = ERR_INIT;
	struct wish w;

	return wish_read(a->dir.fd, &w, &ignored) == 0 &&
	       w.kind == WISH_APPLY && hash_equal(&w.plan, &a->plan.hash);
}

static int
facts(struct agent *a, const struct set *set, const struct verify *v,
    struct due_facts *f, struct err *err)
{
	int64_t now = time_now();
	time_t local = (time_t)now;
	struct wish w;
	struct tm tm;

	*f = (struct due_facts){ .metered = a->conf.metered,
		.ask = a->conf.ask,
		.has_current = a->state.current,
		.state = &a->state,
		.every_s = a->conf.poll_s,
		.now = now,
		.minute =
		    localtime_r(&local, &tm) ? tm.tm_hour * 60 + tm.tm_min : -1,
		.set = &set->sha256,
		.turn = v->turn,
		.judged_at = v->now,
		.clock = v->clock,
		.urgent = v->urgent };
	if (hold_read(a->dir.fd, &f->hold_until, err) == -1 ||
	    wish_read(a->dir.fd, &w, err) == -1)
		return -1;
	f->confirmed = (w.kind == WISH_CONFIRM || w.kind == WISH_APPLY) &&
		       hash_equal(&w.plan, &a->plan.hash);
	f->at_once = (f->confirmed && w.kind == WISH_APPLY) || a->stick;
	return 0;
}

/* Is the set's time yet to come?  -1: what the owner wants cannot be read. */
static int
not_yet(struct agent *a, const struct set *set, const struct verify *v,
    struct err *err)
{
	static const char *const causes[] = { [DUE_METERED] = "metered",
		[DUE_HELD] = "hold",
		[DUE_NEVER] = "wave",
		[DUE_WAVE] = "wave",
		[DUE_WINDOW] = "window" };
	char at[TIME_TEXT], why[STATE_TEXT], offer[64];
	struct due_facts f;
	const char *cause;
	int64_t wait;
	enum due due;

	if (facts(a, set, v, &f, err) == -1)
		return -1;
	due = due_look(&f, &wait);
	snprintf(offer, sizeof(offer), "set %lld is offered;",
	    (long long)set->counter);
	cause = due < ARRAY_LEN(causes) ? causes[due] : NULL;
	switch (due) {
	case DUE_NOW:
		return 0;
	case DUE_RETRY:
		return tried_again(a, set, f.now);
	case DUE_ASK:
		return not_approved(a, set);
	case DUE_METERED:
		snprintf(why, sizeof(why),
		    "%s the link is metered, and nothing that runs was "
		    "withdrawn",
		    offer);
		break;
	case DUE_HELD:
		if (f.hold_until == HOLD_FOR_EVER) {
			cause = "pin";
			snprintf(why, sizeof(why),
			    "%s the owner has pinned what runs", offer);
			break;
		}
		time_text(f.hold_until, at);
		snprintf(why, sizeof(why), "%s the owner holds all until %s",
		    offer, at);
		break;
	case DUE_NEVER:
		snprintf(why, sizeof(why),
		    "%s none of its waves has this router yet", offer);
		break;
	case DUE_WAVE:
		time_text(f.turn.at, at);
		snprintf(why, sizeof(why),
		    "%s the turn of this router comes at %s", offer, at);
		break;
	case DUE_WINDOW:
		snprintf(why, sizeof(why),
		    "%s its window is from %02d:%02d to %02d:%02d", offer,
		    (int)f.turn.from / 60, (int)f.turn.from % 60,
		    (int)f.turn.to / 60, (int)f.turn.to % 60);
		break;
	}
	return waits(a, cause, why, wait);
}

/* What it would take, before anything is begun.  A disk that is short is
 * swept once. */
static int
make_plan(struct agent *a, const struct set *set, struct err *err)
{
	struct plan_host host;

	free(a->planned);
	a->planned = NULL;
	if (plan_config(&a->conf, set, err) == -1 ||
	    settings_fit(a, set, err) == -1)
		return -1;
	for (int tries = 0;; tries++) {
		if (plan_host(&host, a->dir.fd, a->dir.store, a->dir.volumes,
			a->accel.kind, a->conf.state_copy, err) == -1)
			return -1;
		if (tries == 0 &&
		    plan_unikernels(&a->conf, set, &host, err) == -1)
			return -1;
		if (plan_make(a->state.current, set, &host, &a->plan, err) == 0)
			break;
		if (tries > 0 || err->sys != ENOSPC ||
		    obtain_sweep(a, err) == -1)
			return -1;
		err_clear(err);
	}
	a->planned = set_dup(set);
	return 0;
}

/* What was planned is done, whatever came of it. */
static void
planned_is_done(struct agent *a)
{
	struct err err = ERR_INIT;

	free(a->planned);
	a->planned = NULL;
	if (wish_plan_done(a->dir.fd, &a->plan.hash, &err) == -1)
		log_err("wish", &err);
}

/* All of it is here: once more, since memory may have changed. */
static int
try_set(struct agent *a, const struct set *set)
{
	struct hash approved = a->plan.hash;
	struct err err = ERR_INIT;
	int ret;

	settings_settle(a);
	if (make_plan(a, set, &err) == -1)
		return not_taken(a, plan_cause(&err), &err);
	if (a->conf.ask && !a->stick && !hash_equal(&approved, &a->plan.hash)) {
		not_approved(a, set);
		return EXIT_DONE;
	}
	ret = trial_run(a, set, &a->plan);
	if (ret == EXIT_FAILED && tried_again(a, set, time_now())) {
		/* The plan stays, for an owner who need not wait. */
		if (wish_plan_done(a->dir.fd, &a->plan.hash, &err) == -1)
			log_err("wish", &err);
	} else if (!a->stop) {
		planned_is_done(a);
	}
	if (ret == EXIT_DONE) {
		if (obtain_sweep(a, &err) == -1)
			log_err("sweep", &err);
		volumes_sweep(a, NULL);
	}
	return ret;
}

/* The rest of it tomorrow. */
static int
not_fetched(struct agent *a, const struct set *set, const struct err *err)
{
	char why[STATE_TEXT];

	if (!obtain_spent(a))
		return not_taken(a, err_cause(err), err);
	snprintf(why, sizeof(why), "set %lld is being fetched: %.180s",
	    (long long)set->counter, err->msg);
	waits(a, "budget", why, traffic_wait(time_now()));
	return EXIT_DONE;
}

/* The owner wants it here before its turn has come. */
static int
fetch_first(struct agent *a, const struct set *set, const struct forms *forms,
    struct err *err)
{
	struct wish w;

	if (wish_read(a->dir.fd, &w, err) == -1)
		return -1;
	if (w.kind != WISH_FETCH)
		return 0;
	agent_phase(a, PHASE_FETCHING);
	if (obtain_set(a, set, forms, err) == -1)
		return -1;
	return wish_done(a->dir.fd, err);
}

static int
offered(struct agent *a, struct set *set, const struct verify *v)
{
	const struct set *current = a->state.current;
	const struct state_bad *bad = state_is_bad(&a->state, &set->sha256);
	struct err err = ERR_INIT;
	bool same = current && hash_equal(&current->sha256, &set->sha256);
	int waiting;

	if (state_raise_counter(&a->state, set) &&
	    state_save(a->dir.fd, &a->state, &err) == -1)
		return not_taken(a, "state", &err);
	if (!same && bad)
		return was_bad(a, set, bad);
	if (!same && make_plan(a, set, &err) == -1) {
		if (err.sys == EFBIG || err.cls == ERR_INPUT)
			notice_tell(a, NOTICE_NEEDS_YOU, err.msg);
		return not_taken(a, plan_cause(&err), &err);
	}
	if (!same && !applied(a) && serves_said(current, set, &err) == -1)
		return not_taken(a, SERVES_LESS, &err);
	if (!same)
		traffic_planned(&a->traffic, a->plan.download, time_now());
	if (!same && fetch_first(a, set, &v->forms, &err) == -1)
		return not_fetched(a, set, &err);
	if (!same && (waiting = not_yet(a, set, v, &err)) != 0)
		return waiting == 1 ? EXIT_DONE : not_taken(a, "hold", &err);
	if (!same || a->damaged) {
		agent_phase(a, PHASE_FETCHING);
		if (obtain_set(a, set, &v->forms, &err) == -1)
			return not_fetched(a, set, &err);
	}
	if (same) {
		planned_is_done(a);
		/* What a kill left of the way here, once in a life. */
		if (!a->swept && obtain_sweep(a, &err) == -1)
			log_err("sweep", &err);
		a->swept = true;
		agent_phase(a, PHASE_COMMITTED);
		return EXIT_DONE;
	}
	return try_set(a, set);
}

/* The owner wants the set before back; nothing newer until he lets go. */
static int
to_previous(struct agent *a)
{
	auto_free struct set *set = set_dup(a->state.previous);
	struct err err = ERR_INIT;

	if (wish_done(a->dir.fd, &err) == -1 ||
	    hold_write(a->dir.fd, HOLD_FOR_EVER, &err) == -1)
		return not_taken(a, "state", &err);
	if (!set || !obtain_whole(a, set)) {
		agent_trouble(a, PHASE_FAILED, "missing",
		    "the set before is not here any more");
		return EXIT_FAILED;
	}
	if (make_plan(a, set, &err) == -1)
		return not_taken(a, plan_cause(&err), &err);
	return try_set(a, set);
}

static const struct verify verify_none = VERIFY_INIT;

static int
pass(struct agent *a, int stick)
{
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	auto_free struct verify *v = mem_dup(&verify_none, sizeof(*v));
	enum phase before = a->phase;
	char word[RULES_WORD];
	struct err err = ERR_INIT;
	int got;

	a->wait_s = 0;
	a->phase = PHASE_CHECKING;
	got = verified(a, v, stick, set, word, &err);
	a->phase = before;
	if (a->stop)
		return EXIT_AGAIN;
	a->checked = time_now();
	a->checks++;
	if (got == -1)
		return not_taken(a, word, &err);
	return offered(a, set, v);
}

static int
by_stick(struct agent *a, int stick)
{
	struct err err = ERR_INIT;
	int ret;

	a->stick = fetcher_stick(stick, &err);
	if (!a->stick)
		return not_taken(a, err_cause(&err), &err);
	ret = pass(a, stick);
	fetcher_stop(a->stick);
	a->stick = NULL;
	return ret;
}

/* What is on a stick is the owner's to have now; once, whatever comes of it. */
static int
from_stick(struct agent *a, const char *path)
{
	auto_fd int stick = -1;
	struct err err = ERR_INIT;

	if (wish_done(a->dir.fd, &err) == -1 ||
	    (stick = stick_open(path, &err)) == -1)
		return not_taken(a, err_cause(&err), &err);
	log_info("import", "folder=\"%s\"", path);
	return by_stick(a, stick);
}

/* The file that made this machine a router has served when a set was committed;
 * until then it is tried before any server, as often as it takes. */
static int
from_file(struct agent *a)
{
	auto_fd int file = -1;
	struct err err = ERR_INIT;

	file = file_open_at(a->dir.fd, ROUTER_FILE, O_RDONLY, 0, &err);
	if (file == -1)
		return not_taken(a, err_cause(&err), &err);
	log_info("import", "file=" ROUTER_FILE);
	return by_stick(a, file);
}

/* A router that has no set yet. */
static int
first_pass(struct agent *a)
{
	char cause[sizeof(a->cause)], error[sizeof(a->error)];
	enum phase phase;
	int ret = from_file(a), asked;

	if (ret == EXIT_DONE || a->stop)
		return ret;
	phase = a->phase;
	memcpy(cause, a->cause, sizeof(cause));
	memcpy(error, a->error, sizeof(error));
	asked = pass(a, -1);
	/* Where nobody can be asked, what is wrong is the file. */
	if (asked == EXIT_AGAIN && !a->stop)
		agent_trouble(a, phase, cause, error);
	return asked;
}

/*
 * Each question that has news is written, and so is each image, be it a good
 * one or not: who is offered something new at each of them, or what never
 * comes whole, would wear out its flash.  The next day begins with a question,
 * so that what mends a hole is late by a day at most.
 */
static int
worn(struct agent *a)
{
	int64_t now = time_now();
	char why[STATE_TEXT];

	if (!traffic_worn(&a->traffic, a->conf.write_budget, now))
		return 0;
	snprintf(why, sizeof(why),
	    "what may be written to flash in a day is written (write_budget is "
	    "%lld MiB); servers are asked again tomorrow",
	    (long long)a->conf.write_budget >> 20);
	notice_tell(a, NOTICE_NEEDS_YOU, why);
	return waits(a, "flash", why, traffic_wait(now));
}

int
cycle_run(struct agent *a)
{
	struct err err = ERR_INIT;
	struct wish w;

	if (wish_read(a->dir.fd, &w, &err) == -1)
		return not_taken(a, "wish", &err);
	if (w.kind == WISH_PREVIOUS)
		return to_previous(a);
	if (w.kind == WISH_IMPORT)
		return from_stick(a, w.folder);
	if (file_exists_at(a->dir.fd, ROUTER_FILE)) {
		if (!a->state.current)
			return first_pass(a);
		if (file_remove_at(a->dir.fd, ROUTER_FILE, &err) == -1)
			log_err("install", &err);
	}
	return worn(a) ? EXIT_DONE : pass(a, -1);
}

void
cycle_recover(struct agent *a)
{
	static const char text[] =
	    "its trial was cut off by a reset or a crash more than once";
	struct state *s = &a->state;
	struct err err = ERR_INIT;

	/* A trial that was cut off begins anew. */
	volumes_sweep(a, s->trial);
	if (!s->trial || s->tries < STATE_TRIES)
		return;
	if (!state_mark_retry(s, s->trial, "interrupted", text, time_now()))
		state_mark_bad(s, s->trial, "interrupted", text, time_now());
	report_note(a, "rolled-back", "interrupted", text, s->trial);
	free(s->trial);
	s->trial = NULL;
	s->tries = 0;
	if (state_save(a->dir.fd, s, &err) == -1)
		log_err("state", &err);
}
