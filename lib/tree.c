#include "lib/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

/* Folders open at a time, one descriptor each. */
#define DEEPEST 128

/* One entry of a folder being walked: itself, and for a folder once more with
 * a slash, for what it holds.  Sorting both gives the order of whole paths:
 * "a", "a-b", "a/x". */
struct item {
	char *name;
	bool folder; /* was one when it was listed */
	bool inside;
};

struct level {
	int fd;
	struct item *items;
	size_t count, cap, next;
	size_t path_len; /* of the folder, with its slash */
};

struct walk {
	struct level levels[DEEPEST];
	int depth;
	struct buf path;
};

static int
by_path(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;
	size_t na = strlen(a->name), nb = strlen(b->name);
	size_t n = na < nb ? na : nb;
	int c = memcmp(a->name, b->name, n);
	unsigned char ea, eb;

	if (c)
		return c;
	/* Past the shorter name stands its slash, or its end. */
	ea = na > n ? (unsigned char)a->name[n] : a->inside ? '/' : 0;
	eb = nb > n ? (unsigned char)b->name[n] : b->inside ? '/' : 0;
	return (ea > eb) - (ea < eb);
}

static void
level_release(struct level *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].name);
	free(l->items);
	close(l->fd);
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void
level_add(struct level *l, const struct dirent *e)
{
	bool folder = e->d_type == DT_DIR;
	struct stat st;

	if (e->d_type == DT_UNKNOWN)
		folder =
		    fstatat(l->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(st.st_mode);
	for (int inside = 0; inside <= folder; inside++) {
		MEM_GROW(l->items, l->count, l->cap);
		l->items[l->count++] =
		    (struct item){ mem_str(e->d_name), folder, inside };
	}
}

/* Takes fd.  Lists the folder into a new level. */
static int
enter(struct walk *w, int fd, struct err *err)
{
	struct level *l = &w->levels[w->depth];
	/* Not a dup: two that list must not share an offset. */
	auto_dir DIR *dir = dir_list_at(fd, ".", err);
	struct dirent *e;

	*l = (struct level){ .fd = fd, .path_len = w->path.len };
	w->depth++;
	if (!dir)
		return -1;
	while ((errno = 0, e = readdir(dir)))
		if (!is_dots(e->d_name))
			level_add(l, e);
	if (errno)
		return err_sys(err, "list %s", w->path.data);
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), by_path);
	return 0;
}

static void
cut(struct buf *b, size_t len)
{
	if (b->len > len) {
		b->len = len;
		b->data[len] = '\0';
	}
}

static int
descend(struct walk *w, const char *name, struct err *err)
{
	struct level *l = &w->levels[w->depth - 1];
	int fd;

	if (w->depth == DEEPEST)
		return err_set(err, ERR_INPUT,
		    "%.200s…: more than %d folders deep", w->path.data,
		    DEEPEST);
	fd = dir_open_at(l->fd, name, err);
	if (fd == -1)
		return err_prefix(err, "in %s", w->path.data);
	buf_char(&w->path, '/');
	return enter(w, fd, err);
}

static int
visit(struct walk *w, const struct item *it, tree_fn *fn, void *arg,
    struct err *err)
{
	struct level *l = &w->levels[w->depth - 1];
	struct stat st;

	if (fstatat(l->fd, it->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(err, "look at %s", w->path.data);
	/* What a file that turned into a folder holds would go unseen. */
	if (S_ISDIR(st.st_mode) != it->folder)
		return err_set(
		    err, ERR_BUSY, "%s changed meanwhile", w->path.data);
	return fn(arg, w->path.data, l->fd, it->name, &st, err);
}

static int
run(struct walk *w, tree_fn *fn, void *arg, struct err *err)
{
	while (w->depth) {
		struct level *l = &w->levels[w->depth - 1];
		const struct item *it;

		cut(&w->path, l->path_len);
		if (l->next == l->count) {
			level_release(l);
			w->depth--;
			continue;
		}
		it = &l->items[l->next++];
		buf_str(&w->path, it->name);
		if ((it->inside ? descend(w, it->name, err)
				: visit(w, it, fn, arg, err)) == -1)
			return -1;
	}
	return 0;
}

int
tree_walk(int dirfd, tree_fn *fn, void *arg, struct err *err)
{
	auto_free struct walk *w = mem_zero(1, sizeof(*w));
	int fd = dir_open_at(dirfd, ".", err), r;

	if (fd == -1)
		return -1;
	buf_init(&w->path);
	r = enter(w, fd, err);
	if (r == 0)
		r = run(w, fn, arg, err);
	while (w->depth)
		level_release(&w->levels[--w->depth]);
	buf_release(&w->path);
	return r;
}

static int
digest_file(struct hasher *h, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	auto_fd int fd =
	    file_open_at(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	struct hash content;
	struct stat now;
	char text[24];
	int64_t size;

	if (fd == -1)
		return err_prefix(err, "%s", path);
	if (fstat(fd, &now) == -1)
		return err_sys(err, "look at %s", path);
	if (!S_ISREG(now.st_mode) || now.st_ino != st->st_ino ||
	    now.st_dev != st->st_dev)
		return err_set(err, ERR_BUSY, "%s changed meanwhile", path);
	if (hash_fd(fd, &content, &size, err) == -1)
		return err_prefix(err, "%s", path);
	hasher_field(h, now.st_mode & 0100 ? "x" : "-", 1);
	snprintf(text, sizeof(text), "%jd", (intmax_t)size);
	hasher_field(h, text, strlen(text));
	hasher_field(h, content.b, sizeof(content.b));
	return 0;
}

static int
digest_link(struct hasher *h, const char *path, int dirfd, const char *name,
    struct err *err)
{
	char target[4097];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n == -1)
		return err_sys(err, "read link %s", path);
	if (n == sizeof(target))
		return err_set(err, ERR_INPUT, "%s: link too long", path);
	hasher_field(h, target, (size_t)n);
	return 0;
}

static int
digest_one(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct hasher *h = arg;

	hasher_field(h, path, strlen(path));
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		hasher_field(h, "folder", 6);
		return 0;
	case S_IFREG:
		hasher_field(h, "file", 4);
		return digest_file(h, path, dirfd, name, st, err);
	case S_IFLNK:
		hasher_field(h, "link", 4);
		return digest_link(h, path, dirfd, name, err);
	}
	return err_set(err, ERR_INPUT,
	    "%s: neither a file, a folder nor a symbolic link", path);
}

int
tree_digest(int dirfd, struct hash *out, struct err *err)
{
	struct hasher h;

	hasher_init(&h);
	hasher_field(&h, "kiln/tree/1", 11);
	if (tree_walk(dirfd, digest_one, &h, err) == -1)
		return -1;
	hasher_end(&h, out);
	return 0;
}
