#include "builder/pace.h"

#include <sys/random.h>

uint32_t
pace_random(void)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof(r), 0);
	return r;
}

int64_t
pace_retry_ms(uint32_t random)
{
	return PACE_RETRY_S * 1000 + random % (PACE_RETRY_JITTER_S * 1000 + 1);
}

int64_t
pace_poll_ms(const struct settings *s, bool reached, uint32_t random)
{
	int64_t ms = 1000 * s->poll + random % (1000 * s->jitter + 1);
	int64_t soon = pace_retry_ms(random);

	return reached || ms < soon ? ms : soon;
}
