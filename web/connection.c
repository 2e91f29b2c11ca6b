#include "web/connection.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "lib/mem.h"
#include "lib/num.h"

#define LOOK_MS 1000

struct connection {
	struct connections *all;
	int fd;
	int64_t since; /* milliseconds; in the list while not 0 */
	struct connection *next, *prev;
	/* Of the reply; in the other list while not 0. */
	int64_t began, bytes;
	struct connection *beside, **back;
};

/* --- lists -----------------------------------------------------------------*/

static void
wait_end(struct connection *c)
{
	struct connections *all = c->all;

	if (c->since == 0)
		return;
	*(c->next ? &c->next->prev : &all->longest) = c->prev;
	*(c->prev ? &c->prev->next : &all->waiting) = c->next;
	c->since = 0;
}

static void
send_end(struct connection *c)
{
	if (c->began == 0)
		return;
	if (c->beside)
		c->beside->back = c->back;
	*c->back = c->beside;
	c->began = 0;
}

void
connection_waits(struct connection *c)
{
	struct connections *all = c->all;

	wait_end(c);
	send_end(c);
	c->since = time_mono_ms() | 1; /* never 0 */
	c->prev = NULL;
	c->next = all->waiting;
	*(c->next ? &c->next->prev : &all->longest) = c;
	all->waiting = c;
}

void
connection_sends(struct connection *c, int64_t n)
{
	struct connections *all = c->all;

	wait_end(c);
	send_end(c);
	if (n < 0)
		return;
	c->began = time_mono_ms() | 1;
	c->bytes = n;
	c->beside = all->sending;
	c->back = &all->sending;
	if (c->beside)
		c->beside->back = &c->beside;
	all->sending = c;
}

/* --- life ------------------------------------------------------------------*/

struct connection *
connection_new(struct connections *all, int fd)
{
	struct connection *c = mem_zero(1, sizeof(*c));

	c->all = all;
	c->fd = fd;
	all->open++;
	connection_waits(c);
	return c;
}

void
connection_free(struct connection *c)
{
	if (c == NULL)
		return;
	wait_end(c);
	send_end(c);
	c->all->open--;
	free(c);
}

/* --- patience --------------------------------------------------------------*/

static void
cut(struct connection *c)
{
	if (c->fd != -1)
		shutdown(c->fd, SHUT_RDWR);
	wait_end(c);
	send_end(c);
}

static bool
too_slow(const struct connection *c, int64_t now, int64_t grace, int64_t floor)
{
	return now - c->began > grace + c->bytes / floor * 1000;
}

void
connections_cut(struct connections *all)
{
	bool hurry = all->open > all->room - all->room / 4;
	int64_t now = time_mono_ms();
	int64_t patience = hurry	      ? 1000 * CONNECTION_HURRY_S
			   : all->patience_ms ? all->patience_ms
					      : 1000 * CONNECTION_REQUEST_S;
	int64_t grace = hurry		? 1000 * CONNECTION_HURRY_S
			: all->grace_ms ? all->grace_ms
					: 1000 * CONNECTION_REQUEST_S;
	int64_t floor = hurry	     ? CONNECTION_HURRY_FLOOR
			: all->floor ? all->floor
				     : CONNECTION_FLOOR;
	struct connection *c, *next;

	/* Those that have waited longest are at the end: the others are not
	 * looked at. */
	while ((c = all->longest) != NULL && c->since <= now - patience)
		cut(c);
	if (now - all->looked_ms < LOOK_MS)
		return;
	all->looked_ms = now;
	for (c = all->sending; c; c = next) {
		next = c->beside;
		if (too_slow(c, now, grace, floor))
			cut(c);
	}
}
