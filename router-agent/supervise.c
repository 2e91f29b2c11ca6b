#include "router-agent/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/spawn.h"
#include "router-agent/slots.h"

#define GRACE_MS 60000 /* machines are stopped first */
#define PAUSE_MAX_MS 60000
#define TICK_MS 1000

struct super {
	const struct supervise *s;
	int dir; /* self/ */
	int signals;
	struct slots slots;
	unsigned fails; /* ends in a row without a word */
	bool stop;
	bool ask;    /* the server, now: for whoever is well */
	bool reload; /* agent.yaml, likewise */
};

enum end { END_STOPPED, END_WELL, END_SILENT };

/* The slot to start; NULL: the installed program. */
static const struct slot *
choose(struct super *u)
{
	struct slots *t = &u->slots;
	struct err err = ERR_INIT;

	if (slots_load(u->dir, t, &err) == -1) {
		log_err("slots", &err);
		*t = (struct slots){ 0 };
		return NULL;
	}
	if (t->trial.name && (t->tries >= SLOTS_TRIES ||
				 slots_check(u->dir, &t->trial, &err) == -1)) {
		log_warn("supervise", "slot=%c state=bad msg=\"%s\"",
		    t->trial.name,
		    err.msg[0] ? err.msg : "it never reported to be healthy");
		err_clear(&err);
		slots_settle(t, false);
		if (slots_save(u->dir, t, &err) == -1)
			log_err("slots", &err);
	}
	if (t->trial.name)
		return &t->trial;
	if (!t->good.name || u->fails >= SLOTS_TRIES)
		return NULL;
	if (slots_check(u->dir, &t->good, &err) == 0)
		return &t->good;
	log_err("slots", &err);
	return NULL;
}

static int
start(struct super *u, const struct slot *slot, int report, struct child *c,
    struct err *err)
{
	auto_free char *program =
	    slot ? mem_printf("%s/" SLOTS_DIR "/%c/" SLOTS_PROGRAM, u->s->state,
		       slot->name)
		 : mem_str(u->s->installed);
	char hex[HASH_HEX] = "installed", word[HASH_HEX + 32];
	const char *env[SPAWN_ENV + 2] = { NULL };
	const char *argv[] = { program, "run", "--config", u->s->config,
		u->s->syslog ? "--syslog" : NULL, NULL };
	struct spawn sp = SPAWN_INIT;

	if (slot)
		hash_hex(&slot->image, hex);
	snprintf(word, sizeof(word), SUPERVISE_ENV "=%s", hex);
	for (int i = 0; i < SPAWN_ENV; i++)
		env[i] = spawn_env[i];
	env[SPAWN_ENV] = word;
	sp.argv = argv;
	sp.env = env;
	sp.fds[sp.nfds++] = report;
	sp.die_with_parent = true;
	if (spawn_start(&sp, c, err) == -1)
		return -1;
	log_info("supervise", "state=started program=%s trial=%s", program,
	    slot == &u->slots.trial ? "yes" : "no");
	return 0;
}

static void
told(struct super *u, struct child *c)
{
	struct signalfd_siginfo s;
	struct spawn_end end;
	struct err err = ERR_INIT;

	while (read(u->signals, &s, sizeof(s)) == (ssize_t)sizeof(s))
		if (s.ssi_signo == SIGUSR1)
			u->ask = true;
		else if (s.ssi_signo == SIGHUP)
			u->reload = true;
		else
			u->stop = true;
	if (!u->stop || c->pid == 0)
		return;
	spawn_signal(c, SIGTERM);
	if (spawn_wait(c, GRACE_MS, &end, &err) == -1)
		log_err("supervise", &err);
}

static void
healthy(struct super *u, const struct slot *slot)
{
	struct err err = ERR_INIT;
	bool trial = slot && slot == &u->slots.trial;

	u->fails = 0;
	log_info("supervise", "state=healthy trial=%s", trial ? "yes" : "no");
	if (!trial)
		return;
	slots_settle(&u->slots, true);
	if (slots_save(u->dir, &u->slots, &err) == -1)
		log_err("slots", &err);
}

/* A program that runs. */
struct watch {
	const struct slot *slot; /* NULL: the installed one */
	struct child c;
	int report; /* what it says; never blocking */
	bool well;
	int64_t left; /* a trial has to be well, in ms of ours */
};

static bool
on_trial(const struct super *u, const struct watch *w)
{
	return w->slot && w->slot == &u->slots.trial;
}

/* Counted first: whatever happens, it ends some time. */
static int
begin_trial(struct super *u, struct err *err)
{
	u->slots.tries++;
	return slots_save(u->dir, &u->slots, err);
}

/* The program has named a trial, and goes on as it. */
static void
took_over(struct super *u, struct watch *w)
{
	struct err err = ERR_INIT;

	if (slots_load(u->dir, &u->slots, &err) == -1 || !u->slots.trial.name ||
	    begin_trial(u, &err) == -1) {
		log_err("slots", &err);
		return;
	}
	w->slot = &u->slots.trial;
	w->well = false;
	w->left = u->s->deadline_ms;
	log_info("supervise", "state=taken-over slot=%c trial=yes",
	    u->slots.trial.name);
}

static void
hear(struct super *u, struct watch *w)
{
	ssize_t n;
	char byte;

	while ((n = read(w->report, &byte, 1)) == 1) {
		if (byte == SUPERVISE_TRIAL)
			took_over(u, w);
		else if (!w->well) {
			w->well = true;
			healthy(u, w->slot);
			if (w->slot == &u->slots.trial)
				w->slot = &u->slots.good;
		}
	}
	if (n == 0)
		w->report = -1; /* nobody can say anything any more */
}

/* Its machines go on while it hangs, and would not at another start. */
static void
late(struct super *u, struct watch *w)
{
	struct err err = ERR_INIT;

	log_warn("supervise", "state=late msg=\"no report in %lld s\"",
	    (long long)u->s->deadline_ms / 1000);
	slots_settle(&u->slots, false);
	if (slots_save(u->dir, &u->slots, &err) == -1)
		log_err("slots", &err);
	spawn_kill(&w->c);
}

/* Who was stopped, or slept, with the program on trial has not seen it hang. */
static void
pass(struct watch *w, int64_t step)
{
	w->left -= step < 2 * TICK_MS ? step : 2 * TICK_MS;
}

/* Until it ends, or a trial's time is over. */
static enum end
attend(struct super *u, struct watch *w)
{
	auto_buf struct buf text = BUF_INIT;
	struct spawn_end end;
	struct err err = ERR_INIT;

	w->left = u->s->deadline_ms;
	while (w->c.pid != 0) {
		struct pollfd p[3] = { { u->signals, POLLIN, 0 },
			{ w->c.pidfd, POLLIN, 0 }, { w->report, POLLIN, 0 } };
		bool waits = on_trial(u, w) && !w->well;
		int64_t start = time_mono_ms();

		if (waits && w->left <= 0) {
			late(u, w);
			break;
		}
		if (poll(p, 3,
			!waits		    ? -1
			: w->left < TICK_MS ? (int)w->left
					    : TICK_MS) == -1 &&
		    errno != EINTR)
			break;
		if (waits)
			pass(w, time_mono_ms() - start);
		hear(u, w);
		if (p[0].revents)
			told(u, &w->c);
		/* One that is not well yet may not know the signal. */
		if (u->ask && w->c.pid != 0 && w->well) {
			kill(w->c.pid, SIGUSR1);
			u->ask = false;
		}
		if (u->reload && w->c.pid != 0 && w->well) {
			kill(w->c.pid, SIGHUP);
			u->reload = false;
		}
		if (w->c.pid != 0 && p[1].revents &&
		    spawn_poll(&w->c, &end, &err) == 1) {
			hear(u, w); /* its last words */
			spawn_end_text(&end, &text);
			log_warn(
			    "supervise", "state=ended how=\"%s\"", text.data);
		}
	}
	return u->stop ? END_STOPPED : w->well ? END_WELL : END_SILENT;
}

static void
rest(struct super *u, unsigned times)
{
	struct pollfd p = { u->signals, POLLIN, 0 };
	struct child none = CHILD_INIT;
	int64_t ms = u->s->pause_ms << (times < 8 ? times : 8);

	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	if (poll(&p, 1, (int)ms) == 1)
		told(u, &none);
}

static int
once(struct super *u, struct err *err)
{
	struct watch w = { .slot = choose(u), .c = CHILD_INIT };
	auto_fd int report = -1, theirs = -1;
	enum end end;
	int p[2];

	if (on_trial(u, &w) && begin_trial(u, err) == -1)
		return -1;
	if (pipe2(p, O_CLOEXEC) == -1)
		return err_sys(err, "make a pipe");
	report = w.report = p[0];
	theirs = p[1];
	if (fcntl(report, F_SETFL, O_NONBLOCK) == -1)
		return err_sys(err, "make a pipe");
	if (start(u, w.slot, theirs, &w.c, err) == -1) {
		log_err("supervise", err);
		err_clear(err);
		end = END_SILENT;
	} else {
		own_close(&theirs);
		theirs = -1;
		end = attend(u, &w);
	}
	if (end == END_STOPPED)
		return 0;
	if (end == END_SILENT && !on_trial(u, &w))
		u->fails++;
	/* A trial that has been named is not kept waiting. */
	if (slots_load(u->dir, &u->slots, err) == -1)
		err_clear(err);
	if (!u->slots.trial.name)
		rest(u, u->fails);
	return 0;
}

static int
catch_signals(struct super *u, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return err_sys(err, "block signals");
	u->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return u->signals == -1 ? err_sys(err, "wait for signals") : 0;
}

int
supervise(const struct supervise *s, struct err *err)
{
	struct super u = { .s = s, .dir = -1, .signals = -1 };
	auto_free char *self =
	    mem_printf("%s/" SLOTS_DIR, s->state + strspn(s->state, "/"));
	auto_fd int root = dir_open("/", err);
	int ret = 0;

	if (root == -1)
		return -1;
	u.dir = dir_make_at(root, self, 0755, err);
	if (u.dir == -1 || catch_signals(&u, err) == -1)
		ret = -1;
	while (ret == 0 && !u.stop)
		ret = once(&u, err);
	own_close(&u.dir);
	own_close(&u.signals);
	return ret;
}
