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
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KINDS 64
#define PROCESSES 4096

static struct {
	char name[64];
	long peak;
} kinds[KINDS];
static int nkinds;
static int pids[PROCESSES], parents[PROCESSES], n;

static long
field(int pid, const char *file, const char *key)
{
	char path[64], line[256];
	long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = atol(line + strlen(key));
	fclose(f);
	return value;
}

/* The program's name, and the word behind its first `-x`. */
static bool
name_of(int pid, char out[64])
{
	char path[64], words[256] = { 0 };
	const char *base, *next;
	size_t got;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	got = fread(words, 1, sizeof(words) - 2, f);
	fclose(f);
	if (got == 0)
		return false;
	base = strrchr(words, '/');
	base = base ? base + 1 : words;
	next = words + strlen(words) + 1;
	if (strcmp(next, "-x") == 0)
		snprintf(out, 64, "%.40s -x %.16s", base, next + 3);
	else
		snprintf(out, 64, "%.60s", base);
	return !strstr(out, "qemu") && !strstr(out, "-x launch");
}

static void
scan(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	for (n = 0; d && n < PROCESSES && (e = readdir(d)) != NULL;) {
		int pid = atoi(e->d_name);

		if (pid <= 0)
			continue;
		pids[n] = pid;
		parents[n++] = (int)field(pid, "status", "PPid:");
	}
	if (d)
		closedir(d);
}

static bool
below(int pid, int top)
{
	for (int depth = 0; pid > 1 && depth < 32; depth++) {
		if (pid == top)
			return true;
		for (int i = 0;; i++) {
			if (i == n)
				return false;
			if (pids[i] == pid) {
				pid = parents[i];
				break;
			}
		}
	}
	return false;
}

static void
see(int pid)
{
	long peak = field(pid, "status", "VmHWM:");
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
	       field(top, "status", "VmHWM:") > 0) {
		scan();
		for (int i = 0; i < n; i++)
			if (below(pids[i], top))
				see(pids[i]);
		nanosleep(&nap, NULL);
	}
	for (int i = 0; i < nkinds; i++)
		printf("peak %ld %s\n", kinds[i].peak, kinds[i].name);
	scan();
	for (int i = 0; i < n; i++)
		if (below(pids[i], top) && name_of(pids[i], name))
			printf("pss %ld %s\nrss %ld %s\n",
			    field(pids[i], "smaps_rollup", "Pss:"), name,
			    field(pids[i], "status", "VmRSS:"), name);
	return 0;
}
