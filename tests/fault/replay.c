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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "tests/fault/recording.h"

static int data_fd = -1, out_fd = -1, stage_fd = -1;

/* --- what is kept -------------------------------------------------------- */

static bool
is_name(const struct op *o)
{
	return o->kind <= OP_RENAME;
}

static bool
synced(struct recording *r, const struct op *o, size_t i)
{
	if (o->kind == OP_RENAME)
		return recording_node(r, o->a)->synced > i ||
		       recording_node(r, o->b)->synced > i;
	return recording_node(r, o->a)->synced > i;
}

static void
choose(struct recording *r, const char *mode, size_t n)
{
	bool names = strcmp(mode, "names") == 0;
	bool all = strcmp(mode, "all") == 0;
	bool chance = !names && !all && strcmp(mode, "none") != 0;

	if (chance)
		srandom((unsigned)strtoul(mode, NULL, 10));
	for (size_t i = 0; i < n; i++) {
		if (r->ops[i].kind == OP_SYNC) {
			recording_node(r, r->ops[i].a)->synced = i;
		} else if (r->ops[i].kind == OP_SYNCALL) {
			for (size_t k = 0; k < r->nnodes; k++)
				r->nodes[k].synced = i;
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct op *o = &r->ops[i];

		if (o->kind >= OP_SYNC)
			continue;
		o->kept = all || synced(r, o, i) || (names && is_name(o)) ||
			  (chance && random() % 2);
	}
}

static void
apply_names(struct recording *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct op *o = &r->ops[i];
		ino is, was;

		if (!o->kept || !is_name(o))
			continue;
		switch (o->kind) {
		case OP_CREATE:
		case OP_LINK:
			recording_name(r, o->a, o->name, o->b, true);
			break;
		case OP_UNLINK:
			recording_name(r, o->a, o->name, 0, true);
			break;
		case OP_RENAME:
			is = recording_who(r, o->a, o->name);
			was = recording_who(r, o->b, o->to);
			/* What it would rename was not kept. */
			if (!is)
				break;
			recording_name(r, o->b, o->to, is, true);
			recording_name(
			    r, o->a, o->name, o->exchange ? was : 0, true);
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
stage_bytes(struct recording *r, struct node *n, size_t nkept)
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
		recording_die(fresh);
	if (n->path) {
		from = openat(stage_fd, name, O_RDONLY | O_CLOEXEC);
		if (from == -1 || fstat(from, &st) == -1)
			recording_die(n->path);
		while ((got = read(from, buf, 1 << 20)) > 0)
			if (write(to, buf, (size_t)got) != got)
				recording_die(n->path);
	}
	for (size_t i = 0; i < nkept; i++) {
		const struct op *o = &r->ops[i];
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
				recording_die("write");
			done += got;
		}
		if (o->kind == OP_SIZE && ftruncate(to, o->x) == -1)
			recording_die("ftruncate");
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
		recording_die("attributes");
	if (st.st_mtim.tv_sec) {
		struct timespec times[2] = { st.st_mtim, st.st_mtim };

		if (futimens(to, times) == -1)
			recording_die("time");
	}
	if (renameat(stage_fd, fresh, stage_fd, name) == -1)
		recording_die(fresh);
}

/* Takes what is other now out of the folder. */
static void
take_out(struct recording *r, const struct entry *e, bool folders)
{
	struct node *dir = recording_node(r, e->dir);
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
	for (size_t i = 0; i < r->nnodes && !was; i++)
		if (r->nodes[i].path && strcmp(r->nodes[i].path, path) == 0)
			was = r->nodes[i].ino;
	if (was && !recording_node(r, was)->staged) {
		auto_free char *name = number_name(was);

		if (renameat(out_fd, path, stage_fd, name) == -1)
			recording_die(path);
		recording_node(r, was)->staged = true;
	} else if (unlinkat(out_fd, path, 0) == -1) {
		recording_die(path);
	}
}

static void fill(struct recording *r, struct node *dir, int fd);

static void
put_in(struct recording *r, const struct entry *e, int dirfd)
{
	struct node *n = recording_node(r, e->is);
	auto_free char *name = number_name(n->ino);

	if (n->type == 'd') {
		auto_fd int fd = -1;
		struct stat st;

		if (n->staged && renameat(stage_fd, name, dirfd, e->name) == 0)
			n->staged = false;
		else if (mkdirat(dirfd, e->name, 0700) == -1 && errno != EEXIST)
			recording_die(e->name);
		fd = openat(dirfd, e->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1 || fstat(fd, &st) == -1)
			recording_die(e->name);
		if (!n->path && (fchown(fd, n->uid, n->gid) == -1 ||
				    fchmod(fd, n->mode) == -1))
			recording_die(e->name);
		fill(r, n, fd);
		return;
	}
	if (n->type == '?')
		return;
	if (n->type == 'l' && !n->staged) {
		if (symlinkat(n->target ? n->target : "", dirfd, e->name) == -1)
			recording_die(e->name);
		return;
	}
	if (!n->staged) {
		/* Still where it was before, under another name of its own. */
		if (linkat(out_fd, n->path, dirfd, e->name, 0) == -1)
			recording_die(e->name);
		return;
	}
	if (linkat(stage_fd, name, dirfd, e->name, 0) == -1)
		recording_die(e->name);
}

static void
fill(struct recording *r, struct node *dir, int fd)
{
	if (dir->placed)
		return;
	dir->placed = true;
	for (size_t i = 0; i < r->nentries; i++)
		if (r->entries[i].dir == dir->ino && r->entries[i].moved &&
		    r->entries[i].is)
			put_in(r, &r->entries[i], fd);
}

static void
make(struct recording *r, size_t n)
{
	/* Bytes first: whose bytes are others is taken out of every folder. */
	for (size_t i = 0; i < n; i++)
		if (r->ops[i].kept && !is_name(&r->ops[i]) &&
		    r->ops[i].kind < OP_SYNC &&
		    recording_node(r, r->ops[i].a)->type == 'f')
			recording_node(r, r->ops[i].a)->touched = true;
	for (size_t i = 0; i < r->nentries; i++) {
		struct entry *e = &r->entries[i];

		if (e->is && recording_node(r, e->is)->type == 'f' &&
		    recording_node(r, e->is)->touched)
			e->moved = true;
	}
	/* Folders last: what is in them is found by their names. */
	for (int folders = 0; folders < 2; folders++)
		for (size_t i = 0; i < r->nentries; i++)
			if (r->entries[i].moved)
				take_out(r, &r->entries[i], folders);
	for (size_t i = 0; i < r->nnodes; i++) {
		if (r->nodes[i].type != 'f' || !r->nodes[i].touched ||
		    (r->nodes[i].path && !r->nodes[i].staged))
			continue;
		stage_bytes(r, &r->nodes[i], n);
		r->nodes[i].staged = true;
	}
	for (size_t i = 0; i < r->nnodes; i++) {
		auto_fd int fd = -1;

		if (r->nodes[i].type != 'd' || !r->nodes[i].path ||
		    r->nodes[i].staged)
			continue;
		fd = openat(out_fd, r->nodes[i].path,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd != -1)
			fill(r, &r->nodes[i], fd);
	}
}

int
main(int argc, char **argv)
{
	auto_free char *data = NULL, *stage = NULL;
	struct recording recording = { 0 }, *r = &recording;
	size_t n = 0, line;
	bool points = argc == 3 && strcmp(argv[2], "points") == 0;

	if (!points && argc != 5)
		return 97;
	recording_read(r, argv[1], points);
	if (points)
		return 0;
	line = strtoul(argv[3], NULL, 10);
	while (n < r->nops && r->ops[n].line <= line)
		n++;
	data = mem_printf("%s.data", argv[1]);
	stage = mem_printf("%s.stage", argv[4]);
	data_fd = open(data, O_RDONLY | O_CLOEXEC);
	out_fd = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data_fd == -1 || out_fd == -1 || mkdir(stage, 0700) == -1)
		recording_die(argv[4]);
	stage_fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	choose(r, argv[2], n);
	apply_names(r, n);
	make(r, n);
	return 0;
}
