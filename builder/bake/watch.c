#include "builder/bake/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <dirent.h>

#include "builder/bake/usage.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

#define TICK_MS 100
#define SAMPLE_MS 500 /* /proc and the disk */
/* Counting its files takes time: at most one part in so many. */
#define COUNT_SHARE 20

/* --- processes ----------------------------------------------------------- */

struct proc {
	pid_t pid, parent;
	int64_t threads, rss_pages, ticks;
	bool inside;
};

struct procs {
	struct proc *v;
	size_t n, cap;
};

/* /proc/PID/stat; the name in it may hold blanks and brackets. */
static bool
read_stat(int proc, const char *pid, struct proc *out)
{
	auto_buf struct buf text = BUF_INIT;
	auto_free char *path = mem_printf("%s/stat", pid);
	struct err gone = ERR_INIT;
	const char *at;
	long long parent, utime, stime, cutime, cstime, threads, rss;
	auto_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);

	if (fd == -1 || fd_read_all(fd, 8192, &text, &gone) == -1)
		return false;
	at = strrchr(text.data, ')');
	if (!at ||
	    sscanf(at + 1,
		" %*c %lld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld"
		" %lld %*d %*d %lld %*d %*u %*u %lld",
		&parent, &utime, &stime, &cutime, &cstime, &threads, &rss) != 7)
		return false;
	*out = (struct proc){ .pid = (pid_t)strtol(pid, NULL, 10),
		.parent = (pid_t)parent,
		.threads = threads,
		.rss_pages = rss,
		.ticks = utime + stime + cutime + cstime };
	return true;
}

static void
list(struct procs *all)
{
	auto_dir DIR *d = opendir("/proc");
	const struct dirent *e;

	all->n = 0;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		MEM_GROW(all->v, all->n, all->cap);
		if (read_stat(dirfd(d), e->d_name, &all->v[all->n]))
			all->n++;
	}
}

static int
by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct proc *)a)->pid,
	      y = ((const struct proc *)b)->pid;

	return (x > y) - (x < y);
}

/* Marks all that descend from `root`; they may be listed in any order. */
static void
mark(struct procs *all, pid_t root)
{
	bool more = true;

	qsort(all->v, all->n, sizeof(*all->v), by_pid);
	for (size_t i = 0; i < all->n; i++)
		all->v[i].inside = all->v[i].pid == root;
	while (more) {
		more = false;
		for (size_t i = 0; i < all->n; i++) {
			struct proc key = { .pid = all->v[i].parent };
			const struct proc *p;

			if (all->v[i].inside)
				continue;
			p = bsearch(&key, all->v, all->n, sizeof(key), by_pid);
			if (p && p->inside)
				all->v[i].inside = more = true;
		}
	}
}

/* A sum, in which a process counts with the children it has waited for. */
static void
sample(struct procs *all, pid_t root, struct watched *w, int64_t *threads,
    int64_t *rss)
{
	int64_t ticks = 0, pages = 0;

	*threads = 0;
	list(all);
	mark(all, root);
	for (size_t i = 0; i < all->n; i++) {
		if (!all->v[i].inside)
			continue;
		ticks += all->v[i].ticks;
		pages += all->v[i].rss_pages;
		*threads += all->v[i].threads;
	}
	ticks = ticks * 1000 / sysconf(_SC_CLK_TCK);
	*rss = pages * sysconf(_SC_PAGESIZE);
	if (ticks > w->cpu_ms)
		w->cpu_ms = ticks;
	if (*rss / 1024 > w->max_rss_kib)
		w->max_rss_kib = *rss / 1024;
}

/* --- disk ---------------------------------------------------------------- */

/* What lies in /out now; folders are no outputs and not entered. */
static int64_t
output_bytes(int outdir)
{
	struct err none = ERR_INIT;
	auto_dir DIR *d = dir_list_at(outdir, ".", &none);
	const struct dirent *e;
	int64_t sum = 0;
	struct stat st;

	while (d && (e = readdir(d)))
		if (fstatat(outdir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			sum += st.st_size;
	return sum;
}

static bool
disk_full(int outdir, int64_t must_stay)
{
	struct statvfs v;

	if (fstatvfs(outdir, &v) == -1)
		return false;
	return (int64_t)(v.f_bavail * v.f_frsize) < must_stay ||
	       (v.f_files && v.f_favail < 1000);
}

/* --- the loop ------------------------------------------------------------ */

struct watching {
	const struct limits *limits;
	struct watched *w;
	int pipe, log, outdir, builddir;
	int64_t start, heard, sampled, count_at;
	bool eof;
	struct procs procs;
};

/* Takes what there is to read.  False: its limit is reached. */
static int
take_log(struct watching *x, bool *full, struct err *err)
{
	char block[64 * 1024];
	ssize_t n = read(x->pipe, block, sizeof(block));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == -1)
		return err_sys(err, "read what the build says");
	if (n == 0) {
		x->eof = true;
		return 0;
	}
	x->heard = time_mono_ms();
	if (x->w->log_bytes + n > x->limits->log) {
		n = (ssize_t)(x->limits->log - x->w->log_bytes);
		*full = true;
	}
	x->w->log_bytes += n;
	return fd_write_all(x->log, block, (size_t)n, err);
}

/* NULL, or the limit that its files have reached. */
static const char *
count_files(struct watching *x, int64_t now)
{
	const struct limits *l = x->limits;
	struct usage u = { 0 };

	usage_add(x->builddir, l->files, &u);
	usage_add(x->outdir, l->files, &u);
	x->count_at = now + SAMPLE_MS + COUNT_SHARE * (time_mono_ms() - now);
	if (u.files > l->files)
		return "files";
	return u.bytes > l->disk ? "disk" : NULL;
}

static const char *
judge(struct watching *x, pid_t root)
{
	const struct limits *l = x->limits;
	int64_t now = time_mono_ms(), threads, rss;
	const char *cause;

	if (now - x->start > l->wall_ms)
		return "timeout";
	if (now - x->heard > l->silence_ms)
		return "silence";
	if (now - x->sampled < SAMPLE_MS)
		return NULL;
	x->sampled = now;
	sample(&x->procs, root, x->w, &threads, &rss);
	if (threads >= l->processes)
		return "processes";
	if (rss > l->memory)
		return "memory";
	if (output_bytes(x->outdir) > l->output)
		return "output-size";
	if (now >= x->count_at && (cause = count_files(x, now)))
		return cause;
	if (disk_full(x->outdir, l->disk_free))
		return "no-space";
	return NULL;
}

static int
loop(struct watching *x, const struct child *child,
    const struct sandbox_jail *jail, const atomic_bool *stop, struct err *err)
{
	struct pollfd p[2] = { { .fd = child->pidfd, .events = POLLIN },
		{ .fd = x->pipe, .events = POLLIN } };

	for (;;) {
		bool full = false;

		p[1].fd = x->eof ? -1 : x->pipe;
		if (poll(p, 2, TICK_MS) == -1 && errno != EINTR)
			return err_sys(err, "wait for the build");
		if (p[1].revents && take_log(x, &full, err) == -1)
			return -1;
		if (full) {
			/* It may complain all the time that it cannot fork. */
			x->sampled = 0;
			x->w->cause = judge(x, jail->pid);
			if (!x->w->cause)
				x->w->cause = "log-size";
		} else if (p[0].revents)
			return 0;
		else if (atomic_load(stop))
			x->w->stopped = true;
		else
			x->w->cause = judge(x, jail->pid);
		if (x->w->cause || x->w->stopped)
			return 0;
	}
}

/* Everybody is dead: what is in the pipe is the rest. */
static int
drain(struct watching *x, struct err *err)
{
	bool full = x->w->cause && strcmp(x->w->cause, "log-size") == 0;

	while (!x->eof && !full) {
		struct pollfd p = { .fd = x->pipe, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		if (take_log(x, &full, err) == -1)
			return -1;
		if (full && !x->w->cause)
			x->w->cause = "log-size";
	}
	return 0;
}

int
watch(struct child *child, struct sandbox_jail *jail, int pipe, int log,
    int outdir, int builddir, const struct limits *limits,
    const atomic_bool *stop, struct watched *w, struct err *err)
{
	int64_t now = time_mono_ms();
	struct watching x = { .limits = limits,
		.w = w,
		.pipe = pipe,
		.log = log,
		.outdir = outdir,
		.builddir = builddir,
		.start = now,
		.heard = now };
	struct err why = ERR_INIT;
	int rc;

	*w = (struct watched){ 0 };
	rc = loop(&x, child, jail, stop, err);
	if (rc == -1 || w->cause || w->stopped)
		sandbox_kill(jail);
	if (spawn_wait(child, 10000, &w->end, &why) == -1 && rc == 0) {
		*err = why;
		rc = -1;
	}
	if (sandbox_end(jail, &w->ran, &why) == -1 && rc == 0) {
		*err = why;
		rc = -1;
	}
	if (jail->usage.cpu_ms > w->cpu_ms)
		w->cpu_ms = jail->usage.cpu_ms;
	/* The kernel was faster than the look from outside. */
	if (rc == 0 && !w->cause && !w->stopped &&
	    (w->end.code != 0 || w->end.signal)) {
		if (jail->usage.out_of_memory)
			w->cause = "memory";
		else if (jail->usage.out_of_pids)
			w->cause = "processes";
	}
	if (rc == 0)
		rc = drain(&x, err);
	free(x.procs.v);
	return rc;
}
