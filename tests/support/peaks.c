/*
 * peaks PID [STOPFILE]: what the processes below PID, and PID itself, take of
 * memory.  Looks every 2 ms until STOPFILE exists or PID has ended; then a
 * line for each kind of process that was seen,
 *
 *	peak KIB NAME        its highest VmHWM; NAME: the program, `-x DUTY`
 *	pss KIB NAME         of those that are there at the end, each: its share
 *	rss KIB NAME         … and all that it has of memory
 *
 * without QEMU and what becomes it, which are guests and not the updater.
 */
#include <time.h>
#include <unistd.h>

#include "tests/support/proctree.h"

#define KINDS 64

static struct {
	char name[64];
	long peak;
} kinds[KINDS];
static int nkinds;

static bool
name_of(int pid, char out[64])
{
	return proc_name(pid, out) && !strstr(out, "qemu") &&
	       !strstr(out, "-x launch");
}

static void
see(int pid)
{
	long peak = proc_field(pid, "status", "VmHWM:");
	char name[64];
	int i = 0;

	if (peak == 0 || !name_of(pid, name))
		return;
	while (i < nkinds && strcmp(kinds[i].name, name) != 0)
		i++;
	if (i == KINDS)
		return;
	if (i == nkinds)
		strcpy(kinds[nkinds++].name, name);
	if (peak > kinds[i].peak)
		kinds[i].peak = peak;
}

int
main(int argc, char **argv)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	int top = argc > 1 ? atoi(argv[1]) : 0;
	char name[64];

	if (top <= 1) {
		fprintf(stderr, "usage: peaks PID [STOPFILE]\n");
		return 2;
	}
	while ((argc < 3 || access(argv[2], F_OK) == -1) &&
	       proc_field(top, "status", "VmHWM:") > 0) {
		tree_scan();
		for (int i = 0; i < tree_n; i++)
			if (tree_below(tree_pids[i], top))
				see(tree_pids[i]);
		nanosleep(&nap, NULL);
	}
	for (int i = 0; i < nkinds; i++)
		printf("peak %ld %s\n", kinds[i].peak, kinds[i].name);
	tree_scan();
	for (int i = 0; i < tree_n; i++)
		if (tree_below(tree_pids[i], top) &&
		    name_of(tree_pids[i], name))
			printf("pss %ld %s\nrss %ld %s\n",
			    proc_field(tree_pids[i], "smaps_rollup", "Pss:"),
			    name, proc_field(tree_pids[i], "status", "VmRSS:"),
			    name);
	return 0;
}
