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

static enum path_act
when_alive(struct path *p, const struct path_facts *f)
{
	if (!f->by_relay) {
		/* a try that comes to nothing is back by relay before */
		if (f->now - p->tried >= PATH_TRY)
			p->again = 0;
		return PATH_KEEP;
	}
	if (p->again == 0) { /* it is by relay from now on */
		p->wait = PATH_AGAIN;
		p->again = f->now + p->wait;
	}
	if (!f->has_direct || f->now < p->again)
		return PATH_KEEP;
	if (p->wait < PATH_AGAIN_MAX)
		p->wait *= 2;
	p->again = f->now + p->wait;
	return try_it(p, f->now, false);
}

void
path_moved(struct path *p, int64_t now)
{
	if (p->again == 0 || now - p->tried < PATH_AGAIN)
		return;
	p->again = now;
	p->wait = PATH_AGAIN;
}

enum path_act
path_step(struct path *p, const struct path_facts *f)
{
	if (f->received != p->received) {
		p->received = f->received;
		p->heard = f->now;
	}
	if (path_alive(p, f->now))
		return when_alive(p, f);
	if ((p->tried != 0 && f->now - p->tried < PATH_TRY) ||
	    (!f->has_direct && !f->has_relay))
		return PATH_KEEP;
	if (!f->has_direct || !f->has_relay)
		return try_it(p, f->now, f->has_relay);
	return try_it(p, f->now, p->tried != 0 && !p->by_relay);
}
