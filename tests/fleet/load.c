#include "tests/fleet/load.h"

#include <stdlib.h>

#include "lib/mem.h"

void
load_init(struct load *l, int64_t start, int64_t seconds)
{
	*l = (struct load){ .start = start, .seconds = seconds };
	l->requests = mem_zero((size_t)seconds, sizeof(*l->requests));
}

void
load_release(struct load *l)
{
	free(l->requests);
}

void
load_add(
    struct load *l, int64_t now, int64_t requests, int64_t down, int64_t up)
{
	int64_t at = now - l->start;

	if (at < 0 || at >= l->seconds)
		return;
	l->requests[at] += (uint32_t)requests;
	l->total += requests;
	l->down += down;
	l->up += up;
}

static void
clip(const struct load *l, int64_t *from, int64_t *to)
{
	*from -= l->start;
	*to -= l->start;
	if (*from < 0)
		*from = 0;
	if (*to > l->seconds)
		*to = l->seconds;
}

int64_t
load_peak(const struct load *l, int64_t from, int64_t to, int64_t window)
{
	int64_t sum = 0, most = 0;

	clip(l, &from, &to);
	for (int64_t i = from; i < to; i++) {
		sum += l->requests[i];
		if (i - from >= window)
			sum -= l->requests[i - window];
		if (sum > most)
			most = sum;
	}
	return most;
}

double
load_mean(const struct load *l, int64_t from, int64_t to)
{
	int64_t sum = 0;

	clip(l, &from, &to);
	for (int64_t i = from; i < to; i++)
		sum += l->requests[i];
	return to > from ? (double)sum / (double)(to - from) : 0;
}
