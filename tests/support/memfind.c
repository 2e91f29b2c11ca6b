/*
 * memfind [-p PID,PID…] FILE…: in which processes' memory do the seed bytes of
 * these key files stand?  Of a file that is no key file the first line is
 * looked for, a passphrase.  One line each: "FILE PID COMMAND", with
 * "(locked)" before the command when all of it is in locked pages.
 * Reads /proc/PID/mem of every process, pages without read permission too
 * (guarded memory), so it needs root.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (4 << 20)

#define SEED 32

static unsigned char seed[128];
static size_t seed_size;

static int
read_seed(const char *path)
{
	static const char head[] = "kiln-key 1 demo\n";
	const size_t skip = sizeof(head) - 1;
	unsigned char all[sizeof(seed)], *end;
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(all, 1, sizeof(all), f) : 0;

	if (f)
		fclose(f);
	if (n == skip + SEED && memcmp(all, head, skip) == 0) {
		memcpy(seed, all + skip, SEED);
		seed_size = SEED;
		return 0;
	}
	end = memchr(all, '\n', n);
	if (!end || end - all < 8)
		return -1;
	seed_size = (size_t)(end - all);
	memcpy(seed, all, seed_size);
	return 0;
}

static int
in_range(int mem, unsigned long from, unsigned long to, unsigned char *buf)
{
	while (from < to) {
		size_t want = to - from > CHUNK ? CHUNK : to - from;
		ssize_t got = pread(mem, buf, want, (off_t)from);

		if (got <= 0)
			return 0;
		if (memmem(buf, (size_t)got, seed, seed_size))
			return 1;
		if ((size_t)got < want || (size_t)got <= seed_size)
			return 0;
		from += (size_t)got - (got == CHUNK ? seed_size : 0);
		if (got != CHUNK)
			break;
	}
	return 0;
}

/* 0: nowhere, 1: in locked pages alone, 2: where it could be swapped out. */
static int
in_process(const char *pid, unsigned char *buf)
{
	unsigned long from = 0, to = 0, a, b;
	char path[300], line[512];
	int mem, found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/smaps", pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	while (
	    maps && mem != -1 && found < 2 && fgets(line, sizeof(line), maps)) {
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &a, &b, perms) == 3) {
			from = strstr(line, "[v") ? 0 : a;
			to = strstr(line, "[v") ? 0 : b;
		} else if (strncmp(line, "VmFlags:", 8) == 0 &&
			   in_range(mem, from, to, buf)) {
			found = strstr(line, " lo") && found < 2 ? 1 : 2;
		}
	}
	if (maps)
		fclose(maps);
	if (mem != -1)
		close(mem);
	return found;
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

int
main(int argc, char **argv)
{
	/* mmap'ed by malloc, and our own process is left out below. */
	unsigned char *buf = malloc(CHUNK);
	const char *only = NULL;
	char own[16];
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-p") == 0) {
		only = argv[2];
		i = 3;
	}
	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (; i < argc && buf; i++) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		if (read_seed(argv[i]) == -1) {
			fprintf(stderr, "memfind: no seed in %s\n", argv[i]);
			return 2;
		}
		while (d && (e = readdir(d))) {
			char path[300], name[64] = "";
			int where = 0;
			FILE *f;

			if (isdigit((unsigned char)e->d_name[0]) &&
			    strcmp(e->d_name, own) != 0 &&
			    wanted(only, e->d_name))
				where = in_process(e->d_name, buf);
			if (where == 0)
				continue;
			snprintf(
			    path, sizeof(path), "/proc/%s/cmdline", e->d_name);
			f = fopen(path, "r");
			if (f) {
				size_t n = fread(name, 1, sizeof(name) - 1, f);

				while (n-- > 0)
					if (name[n] == '\0')
						name[n] = ' ';
				fclose(f);
			}
			printf("%s %s %s%s\n",
			    strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1
						  : argv[i],
			    e->d_name, where == 1 ? "(locked) " : "", name);
		}
		if (d)
			closedir(d);
	}
	free(buf);
	return 0;
}
