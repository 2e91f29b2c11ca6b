#include "builder/bake/apart.h"

#include <stdlib.h>
#include <time.h>

#define STEP_NS (20 * 1000000L)

static int64_t
date_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
apart_begin(struct apart *a, const atomic_bool *stop)
{
	const struct timespec step = { 0, STEP_NS };

	for (;;) {
		int64_t last = atomic_load(&a->last_ms), now = date_ms();

		/* Also when somebody set the clock back. */
		if ((last == 0 || llabs(now - last) >= APART_MS) &&
		    atomic_compare_exchange_strong(&a->last_ms, &last, now))
			return;
		if (stop && atomic_load(stop))
			return;
		nanosleep(&step, NULL);
	}
}

void
apart_began(struct apart *a)
{
	atomic_store(&a->last_ms, date_ms());
}
