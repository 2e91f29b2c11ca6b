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

#if defined(__x86_64__)
static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
#endif

int64_t
tsc_khz(void)
{
	static int64_t khz = -1; /* the processor does not change */

	if (khz != -1)
		return khz;
#if defined(__x86_64__)
	int64_t start = now_ns(), end;
	uint64_t from = __rdtsc(), to;

	/* Awake throughout: what is read together belongs together. */
	do {
		to = __rdtsc();
		end = now_ns();
	} while (end - start < MEASURE_NS);
	khz = (int64_t)(to - from) * 1000 / ((end - start) / 1000);
#else
	khz = 0;
#endif
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
