/*
 * replay: what a disk may hold after the power failed at some point of what
 * record wrote down.
 *
 *	replay LOG points          the points worth trying, one per line:
 *	                           the line of LOG, then what happened there
 *	replay LOG MODE POINT DIR  makes DIR, a copy of the folder as it was
 *	                           before, what it may be at that point
 *	                           (DIR.stage is left: what has no name there)
 *
 * What was synced stays.  MODE says what becomes of the rest:
 *	none     nothing of it: the strictest disk
 *	names    new names, renames and removals stay, bytes and modes do not:
 *	         files that are empty or have their old bytes
 *	all      all of it: the program was killed, and the power stayed
 *	SEED     a number: each change by chance
 * A name is synced by syncing the folder it is in, bytes and mode by syncing
 * the file.  A rename is one change; syncing either folder keeps it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/attr.h"
#include "lib/mem.h"
#include "lib/own.h"

typedef uint64_t ino;

enum op_kind {
	OP_CREATE,
	OP_LINK,
	OP_UNLINK,
	OP_RENAME,
	OP_WRITE,
	OP_SIZE,
	OP_MODE,
	OP_OWN,
	OP_TIME,
	OP_SYNC,
	OP_SYNCALL,
};

struct op {
	enum op_kind kind;
	size_t line;
	ino a, b;	 /* folder, folder; or the file */
	char *name, *to; /* names */
	bool exchange;
	int64_t offset, length, at;
	int64_t x, y;
	bool kept;
};

/* A file or folder, by its number. */
struct node {
	ino ino;
	char type;
	char *path;    /* as it was before, NULL: new */
	char *target;  /* of a link */
	size_t synced; /* the op that synced it last */
	mode_t mode;   /* of a new one */
	uid_t uid;
	gid_t gid;
	bool touched; /* bytes or attributes are others now */
	bool staged;  /* its bytes lie in the stage */
	bool placed;
};

struct entry {
	ino dir, is;
	char *name;
	bool moved; /* it is not what it was before */
};

static struct op *ops;
static size_t nops, capops;
static struct node *nodes;
static size_t nnodes, capnodes;
static struct entry *entries;
static size_t nentries, capentries;
static int data_fd = -1, out_fd = -1, stage_fd = -1;

static void
die(const char *what)
{
	fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
	exit(97);
}

/* --- reading ------------------------------------------------------------- */

static struct node *
node_find(ino i)
{
	for (size_t k = 0; k < nnodes; k++)
		if (nodes[k].ino == i)
			return &nodes[k];
	return NULL;
}

static struct node *
node_add(ino i, char type)
{
	MEM_GROW(nodes, nnodes, capnodes);
	nodes[nnodes] = (struct node){ .ino = i, .type = type };
	return &nodes[nnodes++];
}

static struct node *
node_of(ino i)
{
	struct node *n = node_find(i);

	/* A socket, or made by a build: of no use after the power is back. */
	return n ? n : node_add(i, '?');
}

static struct op *
op_add(enum op_kind kind, size_t line)
{
	MEM_GROW(ops, nops, capops);
	ops[nops] = (struct op){ .kind = kind, .line = line };
	return &ops[nops++];
}

static void
entry_set(ino dir, const char *name, ino is, bool moved)
{
	for (size_t i = 0; i < nentries; i++)
		if (entries[i].dir == dir &&
		    strcmp(entries[i].name, name) == 0) {
			entries[i].is = is;
			entries[i].moved = moved;
			return;
		}
	MEM_GROW(entries, nentries, capentries);
	entries[nentries++] = (struct entry){ dir, is, mem_str(name), moved };
}

static ino
entry_get(ino dir, const char *name)
{
	for (size_t i = 0; i < nentries; i++)
		if (entries[i].dir == dir && strcmp(entries[i].name, name) == 0)
			return entries[i].is;
	return 0;
}

/* `had` lines name a folder before what is in it. */
static void
read_had(ino i, char type, const char *path)
{
	struct node *n = node_find(i);
	auto_free char *copy = mem_str(path);
	char *slash = strrchr(copy, '/');
	static size_t last;
	struct node *dir = NULL;

	if (!n) {
		n = node_add(i, type);
		n->path = mem_str(path);
	}
	if (!slash)
		return;
	*slash = '\0';
	/* Mostly the one that the line before was in. */
	if (last < nnodes && nodes[last].path &&
	    strcmp(nodes[last].path, copy) == 0)
		dir = &nodes[last];
	for (size_t k = 0; k < nnodes && !dir; k++)
		if (nodes[k].path && strcmp(nodes[k].path, copy) == 0)
			dir = &nodes[last = k];
	if (!dir)
		die("a folder is not named before what is in it");
	/* Every name is its own: what is there is found by the folder. */
	MEM_GROW(entries, nentries, capentries);
	entries[nentries++] =
	    (struct entry){ dir->ino, i, mem_str(slash + 1), false };
}

static void
read_change(const char *word, char *rest, size_t line)
{
	uintmax_t a = 0, b = 0;
	intmax_t x = 0, y = 0, z = 0;
	unsigned mode = 0, uid = 0, gid = 0;
	int name = 0, exchange = 0;
	char type = 'f';
	struct op *o;

	if (strcmp(word, "create") == 0) {
		sscanf(rest, "%ju %ju %c %o %u %u %n", &a, &b, &type, &mode,
		    &uid, &gid, &name);
		o = op_add(OP_CREATE, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "tmpfile") == 0) {
		sscanf(rest, "%ju %o %u %u", &b, &mode, &uid, &gid);
		o = NULL;
	} else if (strcmp(word, "link") == 0) {
		sscanf(rest, "%ju %ju %n", &a, &b, &name);
		o = op_add(OP_LINK, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "unlink") == 0) {
		sscanf(rest, "%ju %n", &a, &name);
		o = op_add(OP_UNLINK, line);
		o->name = mem_str(rest + name);
	} else if (strcmp(word, "rename") == 0) {
		sscanf(rest, "%ju %ju %d %n", &a, &b, &exchange, &name);
		o = op_add(OP_RENAME, line);
		o->name = mem_str(rest + name);
		o->to = strchr(o->name, '/');
		*o->to++ = '\0';
		o->exchange = exchange;
	} else if (strcmp(word, "write") == 0) {
		sscanf(rest, "%ju %jd %jd %jd", &a, &x, &y, &z);
		o = op_add(OP_WRITE, line);
		o->offset = x;
		o->length = y;
		o->at = z;
	} else if (strcmp(word, "size") == 0) {
		sscanf(rest, "%ju %jd", &a, &x);
		o = op_add(OP_SIZE, line);
	} else if (strcmp(word, "mode") == 0) {
		sscanf(rest, "%ju %o", &a, &mode);
		x = mode;
		o = op_add(OP_MODE, line);
	} else if (strcmp(word, "own") == 0) {
		sscanf(rest, "%ju %jd %jd", &a, &x, &y);
		o = op_add(OP_OWN, line);
	} else if (strcmp(word, "time") == 0) {
		sscanf(rest, "%ju %jd %jd", &a, &x, &y);
		o = op_add(OP_TIME, line);
	} else if (strcmp(word, "sync") == 0) {
		sscanf(rest, "%ju", &a);
		o = op_add(OP_SYNC, line);
	} else if (strcmp(word, "syncall") == 0) {
		o = op_add(OP_SYNCALL, line);
	} else if (strcmp(word, "target") == 0) {
		sscanf(rest, "%ju %n", &a, &name);
		node_of(a)->target = mem_str(rest + name);
		return;
	} else {
		die(word);
	}
	if (!o || o->kind == OP_CREATE) {
		struct node *n = node_add(b, type);

		n->mode = mode;
		n->uid = uid;
		n->gid = gid;
		n->touched = true;
	}
	if (!o)
		return;
	if (a)
		node_of(a);
	if (b)
		node_of(b);
	o->a = a;
	o->b = b;
	o->x = x;
	o->y = y;
}

static void
read_log(const char *path, bool points)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, word[16];
	size_t cap = 0, number = 0, changes = 0;
	ssize_t n;

	if (!f)
		die(path);
	while ((n = getline(&line, &cap, f)) > 0) {
		int at = 0;

		number++;
		line[n - 1] = '\0';
		if (line[0] == '@') {
			/* After each call that changed something. */
			if (points && nops > changes)
				printf("%zu %s\n", number, line + 2);
			changes = nops;
			continue;
		}
		if (sscanf(line, "%15s %n", word, &at) != 1)
			continue;
		if (strcmp(word, "had") == 0) {
			uintmax_t i;
			char type;
			int name;

			sscanf(line + at, "%ju %c %n", &i, &type, &name);
			read_had(i, type, line + at + name);
		} else {
			read_change(word, line + at, number);
		}
	}
	free(line);
	fclose(f);
}

/* --- what is kept -------------------------------------------------------- */

static bool
is_name(const struct op *o)
{
	return o->kind <= OP_RENAME;
}

static bool
synced(const struct op *o, size_t i)
{
	if (o->kind == OP_RENAME)
		return node_of(o->a)->synced > i || node_of(o->b)->synced > i;
	return node_of(o->a)->synced > i;
}

static void
choose(const char *mode, size_t n)
{
	bool names = strcmp(mode, "names") == 0;
	bool all = strcmp(mode, "all") == 0;
	bool chance = !names && !all && strcmp(mode, "none") != 0;

	if (chance)
		srandom((unsigned)strtoul(mode, NULL, 10));
	for (size_t i = 0; i < n; i++) {
		if (ops[i].kind == OP_SYNC) {
			node_of(ops[i].a)->synced = i;
		} else if (ops[i].kind == OP_SYNCALL) {
			for (size_t k = 0; k < nnodes; k++)
				nodes[k].synced = i;
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct op *o = &ops[i];

		if (o->kind >= OP_SYNC)
			continue;
		o->kept = all || synced(o, i) || (names && is_name(o)) ||
			  (chance && random() % 2);
	}
}

static void
apply_names(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct op *o = &ops[i];
		ino is, was;

		if (!o->kept || !is_name(o))
			continue;
		switch (o->kind) {
		case OP_CREATE:
		case OP_LINK:
			entry_set(o->a, o->name, o->b, true);
			break;
		case OP_UNLINK:
			entry_set(o->a, o->name, 0, true);
			break;
		case OP_RENAME:
			is = entry_get(o->a, o->name);
			was = entry_get(o->b, o->to);
			/* What it would rename was not kept. */
			if (!is)
				break;
			entry_set(o->b, o->to, is, true);
			entry_set(o->a, o->name, o->exchange ? was : 0, true);
			break;
		default:
			break;
		}
	}
}

/* --- making it so -------------------------------------------------------- */

static char *
number_name(ino i)
{
	return mem_printf("%ju", (uintmax_t)i);
}

/* The file's bytes and attributes as they were kept, by a copy of its own. */
static void
stage_bytes(struct node *n, size_t nkept)
{
	auto_free char *name = number_name(n->ino);
	auto_free char *fresh = mem_printf("%s.new", name);
	auto_fd int from = -1, to = -1;
	auto_free char *buf = mem_alloc(1 << 20);
	struct stat st = {
		.st_mode = n->mode, .st_uid = n->uid, .st_gid = n->gid
	};
	ssize_t got;

	to = openat(
	    stage_fd, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to == -1)
		die(fresh);
	if (n->path) {
		from = openat(stage_fd, name, O_RDONLY | O_CLOEXEC);
		if (from == -1 || fstat(from, &st) == -1)
			die(n->path);
		while ((got = read(from, buf, 1 << 20)) > 0)
			if (write(to, buf, (size_t)got) != got)
				die(n->path);
	}
	for (size_t i = 0; i < nkept; i++) {
		const struct op *o = &ops[i];
		int64_t done = 0;

		if (!o->kept || is_name(o) || o->a != n->ino)
			continue;
		while (o->kind == OP_WRITE && done < o->length) {
			size_t want = o->length - done < 1 << 20
					  ? (size_t)(o->length - done)
					  : 1 << 20;

			got = pread(data_fd, buf, want, o->at + done);
			if (got <= 0 || pwrite(to, buf, (size_t)got,
					    o->offset + done) != got)
				die("write");
			done += got;
		}
		if (o->kind == OP_SIZE && ftruncate(to, o->x) == -1)
			die("ftruncate");
		if (o->kind == OP_MODE)
			st.st_mode = (mode_t)o->x;
		if (o->kind == OP_OWN) {
			st.st_uid = (uid_t)o->x;
			st.st_gid = (gid_t)o->y;
		}
		if (o->kind == OP_TIME) {
			st.st_mtim.tv_sec = o->x;
			st.st_mtim.tv_nsec = o->y;
		}
	}
	if (fchown(to, st.st_uid, st.st_gid) == -1 ||
	    fchmod(to, st.st_mode & 07777) == -1)
		die("attributes");
	if (st.st_mtim.tv_sec) {
		struct timespec times[2] = { st.st_mtim, st.st_mtim };

		if (futimens(to, times) == -1)
			die("time");
	}
	if (renameat(stage_fd, fresh, stage_fd, name) == -1)
		die(fresh);
}

/* Takes what is other now out of the folder. */
static void
take_out(const struct entry *e, bool folders)
{
	struct node *dir = node_of(e->dir);
	auto_free char *path = NULL;
	struct stat st;
	ino was = 0;

	if (!dir->path)
		return; /* a new folder: not there */
	path = mem_printf("%s/%s", dir->path, e->name);
	if (fstatat(out_fd, path, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    S_ISDIR(st.st_mode) != folders)
		return;
	/* Who was it?  Inode numbers of the copy are others. */
	for (size_t i = 0; i < nnodes && !was; i++)
		if (nodes[i].path && strcmp(nodes[i].path, path) == 0)
			was = nodes[i].ino;
	if (was && !node_of(was)->staged) {
		auto_free char *name = number_name(was);

		if (renameat(out_fd, path, stage_fd, name) == -1)
			die(path);
		node_of(was)->staged = true;
	} else if (unlinkat(out_fd, path, 0) == -1) {
		die(path);
	}
}

static void fill(struct node *dir, int fd);

static void
put_in(const struct entry *e, int dirfd)
{
	struct node *n = node_of(e->is);
	auto_free char *name = number_name(n->ino);

	if (n->type == 'd') {
		auto_fd int fd = -1;
		struct stat st;

		if (n->staged && renameat(stage_fd, name, dirfd, e->name) == 0)
			n->staged = false;
		else if (mkdirat(dirfd, e->name, 0700) == -1 && errno != EEXIST)
			die(e->name);
		fd = openat(dirfd, e->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1 || fstat(fd, &st) == -1)
			die(e->name);
		if (!n->path && (fchown(fd, n->uid, n->gid) == -1 ||
				    fchmod(fd, n->mode) == -1))
			die(e->name);
		fill(n, fd);
		return;
	}
	if (n->type == '?')
		return;
	if (n->type == 'l' && !n->staged) {
		if (symlinkat(n->target ? n->target : "", dirfd, e->name) == -1)
			die(e->name);
		return;
	}
	if (!n->staged) {
		/* Still where it was before, under another name of its own. */
		if (linkat(out_fd, n->path, dirfd, e->name, 0) == -1)
			die(e->name);
		return;
	}
	if (linkat(stage_fd, name, dirfd, e->name, 0) == -1)
		die(e->name);
}

static void
fill(struct node *dir, int fd)
{
	if (dir->placed)
		return;
	dir->placed = true;
	for (size_t i = 0; i < nentries; i++)
		if (entries[i].dir == dir->ino && entries[i].moved &&
		    entries[i].is)
			put_in(&entries[i], fd);
}

static void
make(size_t n)
{
	/* Bytes first: whose bytes are others is taken out of every folder. */
	for (size_t i = 0; i < n; i++)
		if (ops[i].kept && !is_name(&ops[i]) && ops[i].kind < OP_SYNC &&
		    node_of(ops[i].a)->type == 'f')
			node_of(ops[i].a)->touched = true;
	for (size_t i = 0; i < nentries; i++) {
		struct entry *e = &entries[i];

		if (e->is && node_of(e->is)->type == 'f' &&
		    node_of(e->is)->touched)
			e->moved = true;
	}
	/* Folders last: what is in them is found by their names. */
	for (int folders = 0; folders < 2; folders++)
		for (size_t i = 0; i < nentries; i++)
			if (entries[i].moved)
				take_out(&entries[i], folders);
	for (size_t i = 0; i < nnodes; i++) {
		if (nodes[i].type != 'f' || !nodes[i].touched ||
		    (nodes[i].path && !nodes[i].staged))
			continue;
		stage_bytes(&nodes[i], n);
		nodes[i].staged = true;
	}
	for (size_t i = 0; i < nnodes; i++) {
		auto_fd int fd = -1;

		if (nodes[i].type != 'd' || !nodes[i].path || nodes[i].staged)
			continue;
		fd = openat(
		    out_fd, nodes[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd != -1)
			fill(&nodes[i], fd);
	}
}

int
main(int argc, char **argv)
{
	auto_free char *data = NULL, *stage = NULL;
	size_t n = 0, line;
	bool points = argc == 3 && strcmp(argv[2], "points") == 0;

	if (!points && argc != 5)
		return 97;
	read_log(argv[1], points);
	if (points)
		return 0;
	line = strtoul(argv[3], NULL, 10);
	while (n < nops && ops[n].line <= line)
		n++;
	data = mem_printf("%s.data", argv[1]);
	stage = mem_printf("%s.stage", argv[4]);
	data_fd = open(data, O_RDONLY | O_CLOEXEC);
	out_fd = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data_fd == -1 || out_fd == -1 || mkdir(stage, 0700) == -1)
		die(argv[4]);
	stage_fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	choose(argv[2], n);
	apply_names(n);
	make(n);
	return 0;
}
