#include "router-agent/change/cycle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/trial.h"
#include "router-agent/owner/hold.h"
#include "router-agent/owner/report.h"
#include "router-agent/trust/refresh_url.h"
#include "router-agent/trust/verify.h"

#define VERIFY_MS (20 * 60 * 1000)
#define VERIFY_TICK_MS 1000

/* --- verify -------------------------------------------------------------- */

/* The verifier works; the machines go on. */
static int
verified(struct agent *a, struct verify *v, struct set *set,
    char word[RULES_WORD], struct err *err)
{
	int64_t until = time_mono_ms() + VERIFY_MS;
	int ret = -1;

	snprintf(word, RULES_WORD, "system");
	if (verify_start(v, &a->conf, &a->state, &a->dir, err) == -1)
		return -1;
	while (!a->stop && time_mono_ms() < until &&
	       !agent_wait(a, v->sock, VERIFY_TICK_MS))
		;
	if (a->stop || time_mono_ms() >= until) {
		snprintf(word, RULES_WORD, a->stop ? "stopped" : "timeout");
		err_set(err, ERR_BUSY,
		    a->stop ? "stopped while verifying"
			    : "the verifier takes too long");
	} else {
		ret = verify_result(v, set, word, err);
		a->clock = v->clock;
	}
	verify_stop(v);
	return ret;
}

/* --- fetch --------------------------------------------------------------- */

static int
keep_serving(void *arg, int64_t done, int64_t total)
{
	struct agent *a = arg;

	(void)done;
	(void)total;
	agent_wait(a, -1, 0);
	return a->stop;
}

static int
fetch_from(struct agent *a, const char *server, const struct set_file *f,
    int fd, struct err *err)
{
	auto_free char *base = mem_printf("%s/tuf/targets/", server);
	auto_free char *path = mem_str(f->target);
	const struct tuf_target t = {
		.path = path, .has_sha256 = true, .sha256 = f->hash
	};
	auto_free char *url = url_target(base, &t, true);
	struct fetch_more more = { .progress = keep_serving, .arg = a };
	struct fetch_answer answer;
	int64_t have;

	if (fd_size(fd, &have, err) == -1)
		return -1;
	if (have > f->size) {
		have = 0;
		if (ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a download");
	}
	if (lseek(fd, have, SEEK_SET) == -1)
		return err_sys(err, "go to a download's end");
	more.from = have;
	if (have < f->size) {
		if (fetcher_get(a->fetcher, url, f->size - have, fd, &more,
			&answer, err) == -1)
			return -1;
		if (answer.status != 200 && answer.status != 206)
			return err_set(err, ERR_BUSY,
			    "%.200s: the server answered %d", url,
			    answer.status);
	}
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(err, "rewind a download");
	return 0;
}

/* Into the store, under the hash that the verifier named. */
static int
fetch_file(struct agent *a, const struct set_file *f, struct err *err)
{
	char name[HASH_HEX];
	auto_fd int fd = -1;
	int ret = -1;

	if (store_has(a->dir.store, &f->hash))
		return 0;
	hash_hex(&f->hash, name);
	fd = file_open_at(a->dir.tmp, name, O_RDWR | O_CREAT, 0600, err);
	if (fd == -1)
		return -1;
	for (size_t i = 0; ret == -1 && i < a->conf.nservers; i++) {
		err_clear(err);
		ret = fetch_from(a, a->conf.servers[i], f, fd, err);
		if (ret == -1)
			continue; /* what came stays, for the next try */
		ret = store_put_expected(
		    a->dir.store, fd, &f->hash, f->size, err);
		if (ret == -1 && ftruncate(fd, 0) == -1)
			return err_sys(err, "empty a download");
	}
	if (ret == 0)
		ret = file_remove_at(a->dir.tmp, name, err);
	return ret;
}

static int
fetch_all(struct agent *a, const struct set *set, struct err *err)
{
	if (fetch_file(a, &set->vmlinuz, err) == -1 ||
	    fetch_file(a, &set->initrd, err) == -1)
		return -1;
	for (size_t i = 0; i < set->nservices; i++)
		if (fetch_file(a, &set->services[i].image, err) == -1)
			return -1;
	a->damaged = false;
	return 0;
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

/* Is the set's time yet to come?  -1: what the owner wants cannot be read. */
static int
not_yet(struct agent *a, const struct set *set, const struct verify *v,
    struct err *err)
{
	int64_t until, closed, now = time_now();
	char at[TIME_TEXT], why[STATE_TEXT];
	time_t local = (time_t)now;
	struct tm tm;

	if (hold_read(a->dir.fd, &until, err) == -1)
		return -1;
	if (until > now) {
		time_text(until, at);
		snprintf(why, sizeof(why),
		    "set %lld is offered; the owner holds all until %s",
		    (long long)set->counter, at);
		return waits(a, "hold", why, until - now);
	}
	/* A router that runs nothing has nobody to be spared. */
	if (!a->state.current)
		return 0;
	if (v->turn.at == TURN_NEVER) {
		snprintf(why, sizeof(why),
		    "set %lld is offered; none of its waves has this router "
		    "yet",
		    (long long)set->counter);
		return waits(a, "wave", why, a->conf.poll_s);
	}
	if (v->turn.at > v->now) {
		time_text(v->turn.at, at);
		snprintf(why, sizeof(why),
		    "set %lld is offered; the turn of this router comes at %s",
		    (long long)set->counter, at);
		return waits(a, "wave", why, v->turn.at - v->now);
	}
	/* Without a clock there is no time of day to keep to. */
	if (v->clock != CLOCK_SYNCED || !localtime_r(&local, &tm))
		return 0;
	closed = turn_closed(&v->turn, tm.tm_hour * 60 + tm.tm_min);
	if (closed == 0)
		return 0;
	snprintf(why, sizeof(why),
	    "set %lld is offered; its window is from %02d:%02d to %02d:%02d",
	    (long long)set->counter, (int)v->turn.from / 60,
	    (int)v->turn.from % 60, (int)v->turn.to / 60, (int)v->turn.to % 60);
	return waits(a, "window", why, closed * 60);
}

static int
offered(struct agent *a, struct set *set, const struct verify *v)
{
	const struct set *current = a->state.current;
	const struct state_bad *bad = state_is_bad(&a->state, &set->sha256);
	struct err err = ERR_INIT;
	bool same = current && hash_equal(&current->sha256, &set->sha256);
	int waiting;

	state_raise_counter(&a->state, set);
	if (state_save(a->dir.fd, &a->state, &err) == -1)
		return not_taken(a, "state", &err);
	if (!same && bad)
		return was_bad(a, set, bad);
	if (!same && (waiting = not_yet(a, set, v, &err)) != 0)
		return waiting == 1 ? EXIT_DONE : not_taken(a, "hold", &err);
	if (!same || a->damaged) {
		agent_phase(a, PHASE_FETCHING);
		if (fetch_all(a, set, &err) == -1)
			return not_taken(a, err_cause(&err), &err);
	}
	if (same) {
		agent_phase(a, PHASE_COMMITTED);
		return EXIT_DONE;
	}
	return trial_run(a, set);
}

int
cycle_run(struct agent *a)
{
	auto_free struct set *set = mem_zero(1, sizeof(*set));
	struct verify v = VERIFY_INIT;
	enum phase before = a->phase;
	char word[RULES_WORD];
	struct err err = ERR_INIT;
	int got;

	a->phase = PHASE_CHECKING;
	a->wait_s = 0;
	got = verified(a, &v, set, word, &err);
	a->phase = before;
	if (a->stop)
		return EXIT_AGAIN;
	a->checked = time_now();
	if (got == -1)
		return not_taken(a, word, &err);
	return offered(a, set, &v);
}

void
cycle_recover(struct agent *a)
{
	struct state *s = &a->state;
	struct err err = ERR_INIT;

	if (!s->trial || s->tries < STATE_TRIES)
		return;
	state_mark_bad(s, s->trial, "interrupted",
	    "its trial was cut off by a reset or a crash more than once",
	    time_now());
	free(s->trial);
	s->trial = NULL;
	s->tries = 0;
	if (state_save(a->dir.fd, s, &err) == -1)
		log_err("state", &err);
}
