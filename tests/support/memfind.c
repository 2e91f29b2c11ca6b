/*
 * memfind [-p PID,PID…] FILE…: in which processes' memory do the seed bytes of
 * these key files stand?  Of a file that is no key file the first line is
 * looked for, a passphrase.  One line each: "FILE PID COMMAND", with
 * "(locked)" before the command when all of it is in locked pages.
 * Reads /proc/PID/mem of every process, pages without read permission too
 * (guarded memory), so it needs root.  Memory that has no page anywhere holds
 * nothing and is left out; each page is read once for all files.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define PAGE 4096
#define SEED 32
#define SEEDS 32

enum found { NOWHERE, LOCKED, LOOSE }; /* loose: could be swapped out */

static struct seed {
	const char *file;
	unsigned char bytes[128];
	size_t size;
	enum found found; /* in the process being read */
} seeds[SEEDS];
static int nseeds;

static int
read_seed(const char *path, struct seed *seed)
{
	static const char head[] = "kiln-key 1 demo\n";
	const size_t skip = sizeof(head) - 1;
	unsigned char all[sizeof(seed->bytes)], *end;
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(all, 1, sizeof(all), f) : 0;

	if (f)
		fclose(f);
	seed->file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (n == skip + SEED && memcmp(all, head, skip) == 0) {
		memcpy(seed->bytes, all + skip, SEED);
		seed->size = SEED;
		return 0;
	}
	end = memchr(all, '\n', n);
	if (!end || end - all < 8)
		return -1;
	seed->size = (size_t)(end - all);
	memcpy(seed->bytes, all, seed->size);
	return 0;
}

static void
in_range(int mem, unsigned long from, unsigned long to, enum found as,
    unsigned char *buf)
{
	size_t kept = 0; /* of the chunk before: a seed may lie across */

	while (from < to) {
		size_t want = to - from > CHUNK ? CHUNK : to - from;
		ssize_t got = pread(mem, buf + kept, want, (off_t)from);
		size_t have;

		if (got == 0) /* the process has ended */
			return;
		if (got == -1) { /* no page can be had here */
			from += PAGE;
			kept = 0;
			continue;
		}
		have = kept + (size_t)got;
		for (struct seed *s = seeds; s < seeds + nseeds; s++)
			if (s->found < as &&
			    memmem(buf, have, s->bytes, s->size))
				s->found = as;
		from += (size_t)got;
		kept =
		    sizeof(seeds->bytes) < have ? sizeof(seeds->bytes) : have;
		memmove(buf, buf + have - kept, kept);
	}
}

static void
in_process(const char *pid, unsigned char *buf)
{
	unsigned long from = 0, to = 0, a, b, kib, there = 0;
	char path[300], line[512];
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	while (maps && mem != -1 && fgets(line, sizeof(line), maps)) {
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &a, &b, perms) == 3) {
			from = strstr(line, "[v") ? 0 : a;
			to = strstr(line, "[v") ? 0 : b;
			there = 0;
		} else if (sscanf(line, "Rss: %lu", &kib) == 1 ||
			   sscanf(line, "Swap: %lu", &kib) == 1) {
			there += kib;
		} else if (strncmp(line, "VmFlags:", 8) == 0 && there > 0) {
			in_range(mem, from, to,
			    strstr(line, " lo") ? LOCKED : LOOSE, buf);
		}
	}
	if (maps)
		fclose(maps);
	if (mem != -1)
		close(mem);
}

static int
wanted(const char *only, const char *pid)
{
	size_t n = strlen(pid);

	for (const char *s = only; s; s = strchr(s, ',')) {
		s += *s == ',';
		if (strncmp(s, pid, n) == 0 && (s[n] == ',' || s[n] == '\0'))
			return 1;
	}
	return only == NULL;
}

static void
print(const char *pid)
{
	char path[300], name[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	f = fopen(path, "r");
	if (f) {
		size_t n = fread(name, 1, sizeof(name) - 1, f);

		while (n-- > 0)
			if (name[n] == '\0')
				name[n] = ' ';
		fclose(f);
	}
	for (struct seed *s = seeds; s < seeds + nseeds; s++)
		if (s->found != NOWHERE)
			printf("%s %s %s%s\n", s->file, pid,
			    s->found == LOCKED ? "(locked) " : "", name);
}

int
main(int argc, char **argv)
{
	/* mmap'ed by malloc, and our own process is left out below. */
	unsigned char *buf = malloc(CHUNK + sizeof(seeds->bytes));
	const char *only = NULL;
	struct dirent *e;
	char own[16];
	int i = 1;
	DIR *d;

	if (argc > 2 && strcmp(argv[1], "-p") == 0) {
		only = argv[2];
		i = 3;
	}
	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (; i < argc; i++) {
		if (nseeds == SEEDS ||
		    read_seed(argv[i], &seeds[nseeds]) == -1) {
			fprintf(stderr, "memfind: no seed in %s\n", argv[i]);
			return 2;
		}
		nseeds++;
	}
	d = opendir("/proc");
	while (buf && d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    strcmp(e->d_name, own) == 0 || !wanted(only, e->d_name))
			continue;
		for (struct seed *s = seeds; s < seeds + nseeds; s++)
			s->found = NOWHERE;
		in_process(e->d_name, buf);
		print(e->d_name);
	}
	if (d)
		closedir(d);
	free(buf);
	return 0;
}
