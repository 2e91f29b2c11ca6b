#include "builder/bake/collect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

void
outputs_release(struct outputs *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->v[i].name);
	free(o->v);
	*o = (struct outputs){ 0 };
}

/* A name from a build in one of our sentences. */
static void
shown(const char *name, struct buf *b)
{
	for (size_t i = 0; i < 60 && name[i]; i++)
		buf_char(b, name[i] > ' ' && name[i] < 127 ? name[i] : '?');
}

static bool
declared(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Nothing may be there that was not declared, folders and dotfiles too. */
static int
check_list(int outdir, const char *const *names, size_t n, const char **cause,
    struct err *err)
{
	auto_dir DIR *d = dir_list_at(outdir, ".", err);
	const struct dirent *e;

	if (!d)
		return err_prefix(err, "list the outputs");
	while ((errno = 0, e = readdir(d))) {
		auto_buf struct buf name = BUF_INIT;

		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    declared(e->d_name, names, n))
			continue;
		shown(e->d_name, &name);
		*cause = "output-undeclared";
		return err_set(err, ERR_INPUT,
		    "the build left /out/%s, which the recipe does not"
		    " declare",
		    name.data);
	}
	return errno ? err_sys(err, "list the outputs") : 0;
}

static const char *
type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a folder";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	}
	return "a file with set-id bits";
}

/* Opens an output for reading, whatever mode it was left with. */
static int
open_output(int outdir, const char *name, struct stat *st, const char **cause,
    struct err *err)
{
	struct err why = ERR_INIT;
	auto_fd int path = -1, fd = -1;
	char self[40];

	if (fstatat(outdir, name, st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			return err_sys(err, "look at output %s", name);
		*cause = "output-missing";
		return err_set(
		    err, ERR_INPUT, "the build did not leave /out/%s", name);
	}
	if (!S_ISREG(st->st_mode) || st->st_mode & (S_ISUID | S_ISGID)) {
		*cause = "output-type";
		return err_set(err, ERR_INPUT,
		    "/out/%s is %s: only plain files can be outputs", name,
		    type_name(st->st_mode));
	}
	path = file_open_at(outdir, name, O_PATH | O_NOFOLLOW, 0, &why);
	if (path == -1 || fstat(path, st) == -1 || !S_ISREG(st->st_mode))
		return err_set(
		    err, ERR_SYSTEM, "open output %s: it changed", name);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", path);
	if (!(st->st_mode & S_IRUSR) && chmod(self, 0400) == -1)
		return err_sys(err, "open output %s", name);
	fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd == -1 ? err_sys(err, "open output %s", name) : take_fd(&fd);
}

static int
put_one(int outdir, const char *name, int64_t *left, struct store *store,
    struct output *out, const char **cause, struct err *err)
{
	struct stat st;
	auto_fd int fd = open_output(outdir, name, &st, cause, err);

	if (fd == -1)
		return -1;
	if (st.st_size > *left) {
		*cause = "output-size";
		return err_set(err, ERR_INPUT,
		    "the outputs are larger than the budget (at %s)", name);
	}
	if (store_put(store, fd, &out->sha256, &out->size, err) == -1) {
		if (err_no_room(err))
			*cause = err_cause(err);
		return err_prefix(err, "output %s", name);
	}
	*left -= out->size;
	out->name = mem_str(name);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct output *)a)->name, ((const struct output *)b)->name);
}

int
collect(int outdir, const char *const *names, size_t n, int64_t limit,
    struct store *store, struct outputs *out, const char **cause,
    struct err *err)
{
	struct outputs all = { mem_zero(n + 1, sizeof(*all.v)), 0 };
	int64_t left = limit;

	*cause = "system";
	/* The build owns the folder too and may have closed it. */
	if (fchmod(outdir, 0700) == -1) {
		outputs_release(&all);
		return err_sys(err, "open the outputs");
	}
	if (check_list(outdir, names, n, cause, err) == -1) {
		outputs_release(&all);
		return -1;
	}
	for (size_t i = 0; i < n; i++, all.n++)
		if (put_one(outdir, names[i], &left, store, &all.v[i], cause,
			err) == -1) {
			outputs_release(&all);
			return -1;
		}
	qsort(all.v, all.n, sizeof(*all.v), by_name);
	*out = all;
	*cause = NULL;
	return 0;
}
