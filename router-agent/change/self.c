#include "router-agent/change/self.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "router-agent/agent.h"
#include "router-agent/change/inherit.h"
#include "router-agent/change/obtain.h"
#include "router-agent/owner/notice.h"
#include "router-agent/slots.h"
#include "router-agent/supervise.h"

void
self_open(struct agent *a)
{
	const char *word = getenv(SUPERVISE_ENV);

	a->report = -1;
	if (!word || fcntl(SUPERVISE_FD, F_SETFD, FD_CLOEXEC) == -1)
		return;
	a->report = SUPERVISE_FD;
	a->supervised = true;
	a->in_slot = hash_parse(&a->program, word);
	unsetenv(SUPERVISE_ENV);
}

static bool
all_answer(const struct machines *ms)
{
	for (size_t i = 0; ms->set && i < ms->set->nservices; i++)
		if (ms->at[i].wanted && ms->at[i].good == 0)
			return false;
	return true;
}

/* Does the committed set name another program than this? */
static bool
another_named(const struct agent *a)
{
	const struct set *set = a->state.current;

	return set && set->has_agent &&
	       !(a->in_slot && hash_equal(&a->program, &set->agent.hash));
}

static void
say(struct agent *a, char byte)
{
	if (write(a->report, &byte, 1) != 1)
		log_warn("self", "msg=\"the supervisor does not listen\"");
}

void
self_step(struct agent *a)
{
	if (a->report == -1 || a->healthy || a->next ||
	    a->phase == PHASE_STARTING || !all_answer(&a->live))
		return;
	say(a, SUPERVISE_WELL);
	a->healthy = true;
	/* What the set names is looked at now, not at the next poll. */
	if (another_named(a))
		a->poll_now = true;
}

/* A program that was tried and did not report: told once. */
static void
was_bad(struct agent *a, const struct set *set)
{
	char text[STATE_TEXT];

	snprintf(text, sizeof(text),
	    "the agent %.80s of set %lld did not report to be healthy; the one "
	    "before runs again",
	    set->agent_version, (long long)set->counter);
	log_warn("self", "msg=\"%s\"", text);
	notice_tell(a, NOTICE_NEEDS_YOU, text);
}

static int
install(struct agent *a, int dir, struct slots *slots, struct err *err)
{
	const struct set_file *f = &a->state.current->agent;
	auto_fd int image = -1;

	if (obtain_check(a, f, err) == -1 ||
	    store_get(a->dir.store, &f->hash, &image, err) == -1)
		return -1;
	return slots_install(dir, image, &f->hash, slots, err);
}

/* The next program, in this process.  Where that fails the supervisor starts
 * it, after this one has ended. */
static void
become(struct agent *a, const struct slot *slot)
{
	auto_free char *program = mem_printf(
	    "%s/" SLOTS_DIR "/%c/" SLOTS_PROGRAM, a->conf.state, slot->name);
	char hex[HASH_HEX];
	struct err err = ERR_INIT;

	hash_hex(&slot->image, hex);
	fetcher_rest(a->fetcher);
	say(a, SUPERVISE_TRIAL);
	(void)!inherit_leave(a, program, hex, &err);
	log_err("self", &err);
}

bool
self_update(struct agent *a)
{
	const struct set *set = a->state.current;
	struct err err = ERR_INIT;
	struct slots slots;
	auto_fd int dir = -1;

	if (!a->supervised || !a->healthy || !another_named(a))
		return false;
	dir = dir_make_at(a->dir.fd, SLOTS_DIR, 0755, &err);
	if (dir == -1 || slots_load(dir, &slots, &err) == -1) {
		log_err("self", &err);
		return false;
	}
	if (slots_is_bad(&slots, &set->agent.hash)) {
		was_bad(a, set);
		return false;
	}
	if (install(a, dir, &slots, &err) == -1) {
		log_err("self", &err);
		return false;
	}
	log_info("self", "slot=%c version=\"%s\"", slots.trial.name,
	    set->agent_version);
	become(a, &slots.trial);
	return true;
}
