#include "lib/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define PREFIX "kiln-"
#define TEXT_MAX ((size_t)1 << 20)
#define LEAVE_TRIES 100 /* of 10 ms each */
#define SHARES "512"	/* half of what anybody else gets */
#define WEIGHT "50"

static const char *const kinds[CGROUP_KINDS] = { "memory", "pids", "cpu",
	"cpuacct" };

static void
shut(int *fd)
{
	own_close(fd);
	*fd = -1;
}

/* Files of the kernel's are there; those of a test are made. */
static int
put(int dir, const char *name, const char *text)
{
	auto_fd int fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	size_t n = strlen(text);

	if (fd == -1)
		return -1;
	return write(fd, text, n) == (ssize_t)n ? 0 : -1;
}

static int
put_int(int dir, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	return put(dir, name, text);
}

/* The number after `key`, or the first one when that is NULL; -1: none. */
static int64_t
get(int dir, const char *name, const char *key)
{
	auto_buf struct buf b = BUF_INIT;
	struct err gone = ERR_INIT;
	const char *at;

	if (file_read_at(dir, name, TEXT_MAX, &b, &gone) == -1)
		return -1;
	at = key ? strstr(b.data, key) : b.data;
	if (!at)
		return -1;
	at += key ? strlen(key) : 0;
	at += strspn(at, " ");
	return *at >= '0' && *at <= '9' ? strtoll(at, NULL, 10) : -1;
}

/* --- where we are -------------------------------------------------------- */

static bool
has_word(struct span list, const char *word)
{
	struct span rest = list, one;

	while (span_next(&rest, ',', &one))
		if (one.n == strlen(word) && memcmp(one.p, word, one.n) == 0)
			return true;
	return false;
}

/* Our path in a hierarchy: "N:controllers:/path"; v2 has no controllers. */
static char *
own_path(const struct buf *text, const char *kind)
{
	struct span rest = span_buf(text), line;

	while (span_next(&rest, '\n', &line)) {
		struct span fields = line, number, list;

		if (!span_next(&fields, ':', &number) ||
		    !span_next(&fields, ':', &list))
			continue;
		if (kind ? has_word(list, kind)
			 : list.n == 0 && number.n == 1 && *number.p == '0')
			return mem_strn(fields.p, fields.n);
	}
	return NULL;
}

/* "36 35 0:30 ROOT POINT rw,… [optional …] - TYPE source super,options" */
static bool
mount_of(struct span line, const char *kind, char **root, char **point)
{
	struct span rest = line, word, field[5];
	bool dash = false;

	for (int i = 0; i < 5; i++)
		if (!span_next(&rest, ' ', &field[i]))
			return false;
	while (!dash && span_next(&rest, ' ', &word))
		dash = word.n == 1 && *word.p == '-';
	if (!dash || !span_next(&rest, ' ', &word))
		return false;
	if (kind) {
		struct span source, options;

		if (word.n != 6 || memcmp(word.p, "cgroup", 6) != 0 ||
		    !span_next(&rest, ' ', &source) ||
		    !span_next(&rest, ' ', &options) ||
		    !has_word(options, kind))
			return false;
	} else if (word.n != 7 || memcmp(word.p, "cgroup2", 7) != 0) {
		return false;
	}
	*root = mem_strn(field[3].p, field[3].n);
	*point = mem_strn(field[4].p, field[4].n);
	return true;
}

/* Our group's folder in the hierarchy of a kind (NULL: v2), or -1. */
static int
find(const char *root, const struct buf *mounts, const struct buf *own,
    const char *kind)
{
	auto_free char *path = own_path(own, kind);
	struct span rest = span_buf(mounts), line;
	int fd = -1;

	while (path && fd == -1 && span_next(&rest, '\n', &line)) {
		auto_free char *from = NULL, *point = NULL, *full = NULL;
		const char *below = path;
		size_t n;

		if (!mount_of(line, kind, &from, &point))
			continue;
		/* In a container only a part of the hierarchy is shown. */
		n = strcmp(from, "/") == 0 ? 0 : strlen(from);
		if (strncmp(path, from, n) == 0)
			below = path + n;
		full = mem_printf("%s%s/%s", root, point, below);
		fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd;
}

/* --- our own group ------------------------------------------------------- */

/* Removes the groups of one that is no more: those of its builds, too. */
static void
sweep_one(int parent, const char *name)
{
	struct err gone = ERR_INIT;
	auto_dir DIR *d = dir_list_at(parent, name, &gone);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && e->d_type == DT_DIR)
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	unlinkat(parent, name, AT_REMOVEDIR);
}

/* Those of processes that are no more; others are not empty or not ours. */
static void
sweep(int parent)
{
	struct err none = ERR_INIT;
	auto_dir DIR *d = dir_list_at(parent, ".", &none);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		long pid;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		pid = strtol(e->d_name + strlen(PREFIX), NULL, 10);
		if (pid > 1 && kill((pid_t)pid, 0) == -1 && errno == ESRCH)
			sweep_one(parent, e->d_name);
	}
}

static int
make(int parent, const char *name, uid_t uid, gid_t gid)
{
	static const char *const given[] = { "cgroup.procs", "tasks",
		"cgroup.subtree_control", "cgroup.threads" };
	auto_fd int fd = -1;

	if (mkdirat(parent, name, 0755) == -1 && errno != EEXIST)
		return -1;
	fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || uid == 0)
		return take_fd(&fd);
	if (fchown(fd, uid, gid) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		if (fchownat(fd, given[i], uid, gid, AT_SYMLINK_NOFOLLOW) ==
			-1 &&
		    errno != ENOENT)
			return -1;
	return take_fd(&fd);
}

/* No group with processes of its own may share out: so we go into a leaf of
 * the new group, first of all. */
static bool
open_v2(struct cgroups *g, int at, uid_t uid, gid_t gid)
{
	auto_fd int fd = make(at, g->name, uid, gid), leaf = -1;
	char have[64] = "";

	leaf = fd == -1 ? -1 : make(fd, "main", uid, gid);
	if (leaf == -1 || put_int(leaf, "cgroup.procs", getpid()) == -1)
		return false;
	g->v2 = true;
	for (int k = 0; k < CGROUP_CPUACCT; k++) {
		auto_free char *word = mem_printf("+%s", kinds[k]);

		if (put(at, "cgroup.subtree_control", word) == -1 ||
		    put(fd, "cgroup.subtree_control", word) == -1)
			continue;
		g->dir[k] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		g->parent[k] = fcntl(at, F_DUPFD_CLOEXEC, 3);
		snprintf(have + strlen(have), sizeof(have) - strlen(have),
		    " %s", kinds[k]);
	}
	if (!have[0])
		return false;
	/* Time is counted with or without a controller. */
	g->dir[CGROUP_CPUACCT] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	snprintf(g->text, sizeof(g->text), "cgroup v2:%s", have);
	return true;
}

static bool
open_v1(struct cgroups *g, const char *root, const struct buf *mounts,
    const struct buf *own, uid_t uid, gid_t gid)
{
	char have[64] = "";

	for (int k = 0; k < CGROUP_KINDS; k++) {
		auto_fd int at = find(root, mounts, own, kinds[k]);

		if (at == -1)
			continue;
		sweep(at);
		g->dir[k] = make(at, g->name, uid, gid);
		if (g->dir[k] == -1)
			continue;
		g->parent[k] = take_fd(&at);
		if (k != CGROUP_CPUACCT)
			snprintf(have + strlen(have),
			    sizeof(have) - strlen(have), " %s", kinds[k]);
	}
	if (have[0])
		snprintf(g->text, sizeof(g->text), "cgroup v1:%s", have);
	return have[0] != '\0';
}

void
cgroups_open(struct cgroups *g, const char *root, uid_t uid, gid_t gid)
{
	auto_free char *m = mem_printf("%s/proc/self/mountinfo", root);
	auto_free char *o = mem_printf("%s/proc/self/cgroup", root);
	auto_buf struct buf mounts = BUF_INIT, own = BUF_INIT;
	struct err gone = ERR_INIT;
	auto_fd int v2 = -1;

	*g = (struct cgroups)CGROUPS_INIT;
	snprintf(g->name, sizeof(g->name), PREFIX "%d", (int)getpid());
	if (file_read(m, TEXT_MAX, &mounts, &gone) == 0 &&
	    file_read(o, TEXT_MAX, &own, &gone) == 0) {
		if (open_v1(g, root, &mounts, &own, uid, gid))
			return;
		v2 = find(root, &mounts, &own, NULL);
		if (v2 != -1) {
			sweep(v2);
			if (open_v2(g, v2, uid, gid))
				return;
		}
	}
	cgroups_close(g);
	snprintf(g->text, sizeof(g->text),
	    "no cgroup that is ours to divide: builds have rlimits and are"
	    " watched");
}

void
cgroups_close(struct cgroups *g)
{
	for (int k = 0; k < CGROUP_KINDS; k++) {
		/* Not as an ordinary user; the next one sweeps. */
		if (g->parent[k] != -1)
			unlinkat(g->parent[k], g->name, AT_REMOVEDIR);
		shut(&g->parent[k]);
		shut(&g->dir[k]);
	}
}

/* --- a build's group ----------------------------------------------------- */

static int
limit(const struct cgroup *c, const struct cgroup_limits *l)
{
	bool v2 = c->of->v2;
	int m = c->dir[CGROUP_MEMORY], p = c->dir[CGROUP_PIDS],
	    s = c->dir[CGROUP_CPU];

	if (m != -1 && l->memory) {
		if (put_int(m, v2 ? "memory.max" : "memory.limit_in_bytes",
			l->memory) == -1)
			return -1;
		/* Kernels may be without an account of swap. */
		if (v2)
			(void)!put(m, "memory.swap.max", "0");
		else
			(void)!put_int(
			    m, "memory.memsw.limit_in_bytes", l->memory);
	}
	if (p != -1 && l->processes &&
	    put_int(p, "pids.max", l->processes) == -1)
		return -1;
	if (s != -1 && put(s, v2 ? "cpu.weight" : "cpu.shares",
			   v2 ? WEIGHT : SHARES) == -1)
		return -1;
	return 0;
}

int
cgroup_enter(struct cgroup *c, const struct cgroups *g, const char *name,
    pid_t pid, const struct cgroup_limits *l, struct err *err)
{
	*c = (struct cgroup)CGROUP_INIT;
	if (!g)
		return 0;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->of = g;
	for (int k = 0; k < CGROUP_KINDS; k++) {
		if (g->dir[k] == -1)
			continue;
		c->dir[k] = make(g->dir[k], name, 0, 0);
		if (c->dir[k] == -1) {
			err_sys(err, "make a cgroup for %s", name);
			cgroup_leave(c);
			return -1;
		}
	}
	if (limit(c, l) == -1) {
		err_sys(err, "limit the cgroup of %s", name);
		cgroup_leave(c);
		return -1;
	}
	for (int k = 0; k < CGROUP_KINDS; k++)
		if (c->dir[k] != -1 &&
		    put_int(c->dir[k], "cgroup.procs", pid) == -1) {
			err_sys(err, "put a build into its cgroup");
			cgroup_leave(c);
			return -1;
		}
	return 0;
}

void
cgroup_read(const struct cgroup *c, struct cgroup_usage *u)
{
	int64_t t, peak;

	*u = (struct cgroup_usage){ .cpu_ms = -1, .peak_kib = -1 };
	if (!c->of)
		return;
	if (c->of->v2) {
		t = get(c->dir[CGROUP_CPUACCT], "cpu.stat", "usage_usec");
		u->cpu_ms = t == -1 ? -1 : t / 1000;
		peak = get(c->dir[CGROUP_MEMORY], "memory.peak", NULL);
		u->out_of_memory = get(c->dir[CGROUP_MEMORY], "memory.events",
				       "oom_kill ") > 0;
	} else {
		t = get(c->dir[CGROUP_CPUACCT], "cpuacct.usage", NULL);
		u->cpu_ms = t == -1 ? -1 : t / 1000000;
		peak = get(
		    c->dir[CGROUP_MEMORY], "memory.max_usage_in_bytes", NULL);
		u->out_of_memory = get(c->dir[CGROUP_MEMORY],
				       "memory.oom_control", "oom_kill ") > 0;
	}
	u->out_of_pids = get(c->dir[CGROUP_PIDS], "pids.events", "max ") > 0;
	u->peak_kib = peak == -1 ? -1 : peak / 1024;
}

void
cgroup_leave(struct cgroup *c)
{
	if (!c->of)
		return;
	if (c->of->v2 && c->dir[CGROUP_CPUACCT] != -1)
		(void)!put(c->dir[CGROUP_CPUACCT], "cgroup.kill", "1");
	for (int k = 0; k < CGROUP_KINDS; k++) {
		int of = c->of->dir[k];

		shut(&c->dir[k]);
		/* Who is dead leaves a moment after it was waited for. */
		for (int i = 0; of != -1 && i < LEAVE_TRIES; i++) {
			if (unlinkat(of, c->name, AT_REMOVEDIR) == 0 ||
			    errno != EBUSY)
				break;
			usleep(10000);
		}
	}
	c->of = NULL;
}
