/*
 * pair: runs two commands in turn and compares what they took.
 *
 *	pair -N NAME -n PAIRS [-b BEFORE-OURS] [-B BEFORE-PEER]
 *	    -o OURS -p PEER [-c PEER-AS-SHOWN] [-g CGROUP]
 *
 * Commands are lines for /bin/sh; the BEFORE ones are not measured.  The
 * first pair warms caches and does not count.  Three lines come out, for wall
 * time, processor time (of the whole family, by its rusage) and the largest
 * process: name ours peer ratio unit pairs spread command-of-peer.  A ratio
 * below 1 is in our favour.  A command that fails ends the comparison.
 *
 * Before each command what is dirty is written out (sync(2)): a command that
 * syncs its own would else pay for what the other left.
 *
 * With -g processor time is that of an empty cgroup, into which each command
 * goes: a jail's processes are nobody's children that is left to tell.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAIRS_MAX 101

enum { WALL, CPU, RSS, MEASURES };

static const struct {
	const char *suffix, *unit;
} measures[MEASURES] = { { "wall", "ms" }, { "cpu", "ms" },
	{ "memory", "KiB" } };

struct side {
	const char *before, *command;
	double got[MEASURES][PAIRS_MAX];
};

static double
milliseconds(const struct timespec *t)
{
	return (double)t->tv_sec * 1e3 + (double)t->tv_nsec / 1e6;
}

static const char *group;

/* Milliseconds of all that ever ran in it; -1: it cannot be asked. */
static double
group_cpu(void)
{
	char path[300];
	double t = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/cpuacct.usage", group);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%lf", &t) == 1)
			t /= 1e6;
		fclose(f);
		return t;
	}
	snprintf(path, sizeof(path), "%s/cpu.stat", group);
	f = fopen(path, "r");
	if (f && fscanf(f, "usage_usec %lf", &t) == 1)
		t /= 1e3;
	if (f)
		fclose(f);
	return t;
}

static void
enter_group(void)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1 || write(fd, "0", 1) != 1) {
		perror(path);
		_exit(126);
	}
	close(fd);
}

static int
run(const char *command, struct rusage *ru)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (group)
			enter_group();
		/* Tables go to stdout; what commands say does not. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
		_exit(127);
	}
	if (pid == -1 || wait4(pid, &status, 0, ru) != pid)
		return -1;
	return status == 0 ? 0 : -1;
}

static int
measure(struct side *s, int i)
{
	struct timespec a, b;
	struct rusage ru;
	double cpu;

	if (s->before && run(s->before, &ru) == -1) {
		fprintf(stderr, "pair: failed: %s\n", s->before);
		return -1;
	}
	sync();
	cpu = group ? group_cpu() : 0;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (run(s->command, &ru) == -1) {
		fprintf(stderr, "pair: failed: %s\n", s->command);
		return -1;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (i < 0)
		return 0;
	s->got[WALL][i] = milliseconds(&b) - milliseconds(&a);
	s->got[CPU][i] =
	    (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e3 +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e3;
	if (group)
		s->got[CPU][i] = group_cpu() - cpu;
	s->got[RSS][i] = (double)ru.ru_maxrss;
	return 0;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts; half the distance between the quartiles, of the median. */
static double
median(double *v, int n, double *spread)
{
	double m;

	qsort(v, (size_t)n, sizeof(*v), by_value);
	m = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
	*spread = m > 0 ? 50 * (v[3 * n / 4] - v[n / 4]) / m : 0;
	return m;
}

int
main(int argc, char **argv)
{
	static struct side ours, peer;
	const char *name = NULL, *shown = NULL;
	int n = 5, c, i;

	while ((c = getopt(argc, argv, "N:n:b:B:o:p:c:g:")) != -1)
		switch (c) {
		case 'g':
			group = optarg;
			break;
		case 'N':
			name = optarg;
			break;
		case 'n':
			n = atoi(optarg);
			break;
		case 'b':
			ours.before = optarg;
			break;
		case 'B':
			peer.before = optarg;
			break;
		case 'o':
			ours.command = optarg;
			break;
		case 'p':
			peer.command = optarg;
			break;
		case 'c':
			shown = optarg;
			break;
		default:
			return 2;
		}
	if (!name || !ours.command || !peer.command || n < 1 || n > PAIRS_MAX) {
		fprintf(stderr, "pair: see the head of pair.c\n");
		return 2;
	}
	for (i = -1; i < n; i++)
		if (measure(&ours, i) == -1 || measure(&peer, i) == -1)
			return 1;
	for (i = 0; i < MEASURES; i++) {
		double so, sp, o = median(ours.got[i], n, &so),
			       p = median(peer.got[i], n, &sp);

		printf("%s.%s\t%.1f\t%.1f\t%.3f\t%s\t%d\t%.0f%%/%.0f%%\t%s\n",
		    name, measures[i].suffix, o, p, p > 0 ? o / p : 0.0,
		    measures[i].unit, n, so, sp, shown ? shown : peer.command);
	}
	return 0;
}
