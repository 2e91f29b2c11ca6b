#include "router-agent/poll.h"

#define RETRY_S ((int64_t)60) /* after a server that could not be reached */
#define RETRY_AFTER_MAX_S 86400

int64_t
poll_next(struct poll_plan *p, bool unreachable, uint32_t chance)
{
	int64_t wait = p->every_s, least = p->retry_after;

	p->fails = unreachable ? p->fails + 1 : 0;
	if (p->fails > 0 && p->fails < 16 && wait > RETRY_S << (p->fails - 1))
		wait = RETRY_S << (p->fails - 1);
	wait = wait * 500 + (int64_t)(chance % 1000) * wait; /* ms */
	/* What waits for its time is looked at then. */
	if (p->wait_s > 0 && wait > 1000 * (p->wait_s + 1))
		wait = 1000 * (p->wait_s + 1);
	if (least > RETRY_AFTER_MAX_S)
		least = RETRY_AFTER_MAX_S;
	return wait > 1000 * least ? wait : 1000 * least;
}

int64_t
poll_first(int64_t every_s, uint32_t chance)
{
	int64_t most = every_s < POLL_FIRST_S ? every_s : POLL_FIRST_S;

	return (int64_t)((uint64_t)chance * (uint64_t)(1000 * most) >> 32);
}
