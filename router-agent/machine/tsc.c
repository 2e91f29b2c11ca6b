#include "router-agent/machine/tsc.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "lib/mem.h"
#include "router-agent/conf.h"

#define MEASURE_NS 50000000
#define TRIES 16

#if defined(__x86_64__)
struct moment {
	uint64_t ticks;
	int64_t ns;
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Both clocks at once.  On a busy host the process may be put aside between
 * the two: of several pairs the one that took least is right. */
static struct moment
moment(void)
{
	struct moment best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		int64_t ns = now_ns();
		uint64_t took = __rdtsc() - before;

		if (took < least) {
			least = took;
			best = (struct moment){ before + took / 2, ns };
		}
	}
	return best;
}

int64_t
tsc_measure(void)
{
	struct moment from = moment(), to;

	do {
		to = moment();
	} while (to.ns - from.ns < MEASURE_NS);
	return (int64_t)(to.ticks - from.ticks) * 1000 /
	       ((to.ns - from.ns) / 1000);
}
#else
int64_t
tsc_measure(void)
{
	return 0;
}
#endif

int64_t
tsc_khz(void)
{
	static int64_t khz = -1; /* the processor does not change */

	if (khz == -1)
		khz = tsc_measure();
	return khz;
}

char *
tsc_cmdline(const char *cmdline, const char *arch, const char *accel)
{
	if (strcmp(arch, "amd64") != 0 || strcmp(agent_arch(), arch) != 0 ||
	    strcmp(accel, "tcg") != 0 || strstr(cmdline, "tsc_early_khz=") ||
	    tsc_khz() <= 0)
		return mem_str(cmdline);
	return mem_printf("%s tsc_early_khz=%" PRId64, cmdline, tsc_khz());
}
