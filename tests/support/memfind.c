/*
 * memfind FILE…: in which processes' memory do the seed bytes of these key
 * files stand?  A key file is 32 raw bytes.  One line each: "KEY PID COMMAND".
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

static unsigned char seed[32];

static int
read_seed(const char *path)
{
	static const char head[] = "kiln-key 1 demo\n";
	const size_t skip = sizeof(head) - 1;
	unsigned char all[64];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(all, 1, sizeof(all), f) : 0;

	if (f)
		fclose(f);
	if (n != skip + sizeof(seed) || memcmp(all, head, skip) != 0)
		return -1;
	memcpy(seed, all + skip, sizeof(seed));
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
		if (memmem(buf, (size_t)got, seed, sizeof(seed)))
			return 1;
		if ((size_t)got < want || (size_t)got <= sizeof(seed))
			return 0;
		from += (size_t)got - (got == CHUNK ? sizeof(seed) : 0);
		if (got != CHUNK)
			break;
	}
	return 0;
}

static int
in_process(const char *pid, unsigned char *buf)
{
	char path[300], line[512];
	int mem, found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	while (maps && mem != -1 && !found && fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char perms[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3 &&
		    !strstr(line, "[v"))
			found = in_range(mem, from, to, buf);
	}
	if (maps)
		fclose(maps);
	if (mem != -1)
		close(mem);
	return found;
}

int
main(int argc, char **argv)
{
	/* mmap'ed by malloc, and our own process is left out below. */
	unsigned char *buf = malloc(CHUNK);
	char own[16];
	int i;

	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (i = 1; i < argc && buf; i++) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		if (read_seed(argv[i]) == -1) {
			fprintf(stderr, "memfind: no seed in %s\n", argv[i]);
			return 2;
		}
		while (d && (e = readdir(d))) {
			char path[300], name[64] = "";
			FILE *f;

			if (!isdigit((unsigned char)e->d_name[0]) ||
			    strcmp(e->d_name, own) == 0 ||
			    !in_process(e->d_name, buf))
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
			printf("%s %s %s\n",
			    strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1
						  : argv[i],
			    e->d_name, name);
		}
		if (d)
			closedir(d);
	}
	free(buf);
	return 0;
}
