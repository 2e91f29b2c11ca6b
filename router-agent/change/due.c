#include "router-agent/change/due.h"

#include "router-agent/owner/hold.h"

static enum due
of_the_farm(const struct due_facts *f, int64_t *wait_s)
{
	if (f->turn.at == TURN_NEVER) {
		*wait_s = f->every_s;
		return DUE_NEVER;
	}
	if (f->turn.at > f->judged_at) {
		*wait_s = f->turn.at - f->judged_at;
		return DUE_WAVE;
	}
	/* Without a clock there is no time of day to keep to. */
	if (f->clock != CLOCK_SYNCED || f->minute < 0)
		return DUE_NOW;
	*wait_s = 60 * turn_closed(&f->turn, f->minute);
	return *wait_s > 0 ? DUE_WINDOW : DUE_NOW;
}

enum due
due_look(const struct due_facts *f, int64_t *wait_s)
{
	*wait_s = 0;
	if (f->at_once)
		return DUE_NOW;
	if (f->metered && f->has_current && !f->urgent) {
		*wait_s = f->every_s;
		return DUE_METERED;
	}
	*wait_s = state_retry_wait(f->state, f->set, f->now);
	if (*wait_s > 0)
		return DUE_RETRY;
	if (f->hold_until > f->now) {
		*wait_s = f->hold_until == HOLD_FOR_EVER
			      ? f->every_s
			      : f->hold_until - f->now;
		return DUE_HELD;
	}
	if (f->ask && !f->confirmed) {
		*wait_s = f->every_s;
		return DUE_ASK;
	}
	return f->has_current ? of_the_farm(f, wait_s) : DUE_NOW;
}
