#include "recipes/vpn-mesh/path.h"

bool
path_alive(const struct path *p, int64_t now)
{
	return p->heard != 0 && now - p->heard < PATH_DEAD;
}

static enum path_act
try_it(struct path *p, int64_t now, bool relay)
{
	p->tried = now;
	p->by_relay = relay;
	return relay ? PATH_RELAY : PATH_DIRECT;
}

void
path_called(struct path *p, int64_t now)
{
	if (!path_alive(p, now) || !p->relayed)
		return;
	p->tried = now;
	p->by_relay = false;
	p->meet = now + PATH_MEET;
}

static enum path_act
meeting(struct path *p, const struct path_facts *f)
{
	if (path_alive(p, f->now) && !p->relayed) { /* they have */
		p->meet = 0;
		return PATH_KEEP;
	}
	if (f->now < p->meet)
		return f->has_direct ? PATH_DIRECT : PATH_KEEP;
	p->meet = 0;
	return f->has_relay ? try_it(p, f->now, true) : PATH_KEEP;
}

static enum path_act
when_alive(struct path *p, const struct path_facts *f)
{
	if (!p->relayed) {
		p->again = 0;
		return PATH_KEEP;
	}
	if (p->again == 0) { /* it is by relay from now on */
		p->wait = PATH_AGAIN;
		p->again = f->now + PATH_SOON;
	}
	if (!f->leads || !f->has_direct || f->now < p->again)
		return PATH_KEEP;
	p->again = f->now + p->wait;
	if (p->wait < PATH_AGAIN_MAX)
		p->wait *= 2;
	path_called(p, f->now);
	return PATH_CALL;
}

void
path_moved(struct path *p, int64_t now)
{
	int64_t soonest = p->tried + PATH_AGAIN;

	if (p->again == 0 || p->again <= soonest)
		return;
	p->again = now > soonest ? now : soonest;
	p->wait = PATH_AGAIN;
}

enum path_act
path_step(struct path *p, const struct path_facts *f)
{
	if (f->received != p->received) {
		p->received = f->received;
		p->heard = f->now;
		p->relayed = f->by_relay;
	}
	if (p->meet != 0)
		return meeting(p, f);
	if (path_alive(p, f->now))
		return when_alive(p, f);
	if ((p->tried != 0 && f->now - p->tried < PATH_TRY) ||
	    (!f->has_direct && !f->has_relay))
		return PATH_KEEP;
	if (!f->has_direct || !f->has_relay)
		return try_it(p, f->now, f->has_relay);
	/* the relay first: it works, and they can call each other by it */
	return try_it(p, f->now, p->tried == 0 || !p->by_relay);
}
