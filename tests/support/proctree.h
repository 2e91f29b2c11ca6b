/*
 * The processes below one, as /proc has them: for tools of tests that watch
 * what the farm's or the router's programs are while they run.
 */
#ifndef KILN_TEST_PROCTREE_H
#define KILN_TEST_PROCTREE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 4096

static int tree_pids[PROCESSES], tree_parents[PROCESSES], tree_n;

/* The words behind KEY ("PPid:") in /proc/PID/FILE; false: it is gone. */
static bool
proc_words(int pid, const char *file, const char *key, char *out, size_t size)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0) {
			snprintf(out, size, "%s", line + strlen(key));
			found = true;
		}
	fclose(f);
	return found;
}

static long
proc_field(int pid, const char *file, const char *key)
{
	char words[256];

	return proc_words(pid, file, key, words, sizeof(words)) ? atol(words)
								: 0;
}

/* The program's name, and the word behind its first `-x`; false: it is gone or
 * has no words (kernel threads, zombies). */
static bool
proc_name(int pid, char out[64])
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
	return true;
}

static void
tree_scan(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	for (tree_n = 0; d && tree_n < PROCESSES && (e = readdir(d)) != NULL;) {
		int pid = atoi(e->d_name);

		if (pid <= 0)
			continue;
		tree_pids[tree_n] = pid;
		tree_parents[tree_n++] =
		    (int)proc_field(pid, "status", "PPid:");
	}
	if (d)
		closedir(d);
}

/* As of the last tree_scan(). */
static bool
tree_below(int pid, int top)
{
	for (int depth = 0; pid > 1 && depth < 32; depth++) {
		if (pid == top)
			return true;
		for (int i = 0;; i++) {
			if (i == tree_n)
				return false;
			if (tree_pids[i] == pid) {
				pid = tree_parents[i];
				break;
			}
		}
	}
	return false;
}

#endif
