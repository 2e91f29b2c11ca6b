#include "builder/plan/recipe_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

/* Each file is a mount of its own in the sandbox. */
#define FILES_MAX 512
#define FILE_MAX ((int64_t)16 << 20)

struct reading {
	struct recipe *recipe;
	struct store *store;
	size_t cap;
};

static int
read_one(void *arg, const char *path, int dirfd, const char *name,
    const struct stat *st, struct err *err)
{
	struct reading *r = arg;
	struct recipe *recipe = r->recipe;
	struct recipe_file *f;
	auto_fd int fd = -1;
	struct hash digest;
	int64_t size;

	/* for people, and for the test that compares it with the image */
	if (S_ISDIR(st->st_mode) || strcmp(path, "README.md") == 0 ||
	    strcmp(path, "files.list") == 0)
		return 0;
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_INPUT, "%s/%s: not a regular file",
		    recipe->name, path);
	if (!path_ok(path))
		return err_set(err, ERR_INPUT,
		    "%s/%s: a name may only hold A-Z a-z 0-9 . _ + ~ - and not"
		    " start with . or -",
		    recipe->name, path);
	if (recipe->ntree == FILES_MAX || st->st_size > FILE_MAX)
		return err_set(err, ERR_INPUT,
		    "%s/%s: a recipe has at most %d files of 16 MiB",
		    recipe->name, path, FILES_MAX);
	fd = file_open_at(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	if (fd == -1 || hash_fd(fd, &digest, &size, err) == -1)
		return -1;
	if (r->store && !store_has(r->store, &digest) &&
	    store_put_expected(r->store, fd, &digest, size, err) == -1)
		return err_prefix(err, "%s/%s", recipe->name, path);
	MEM_GROW(recipe->tree, recipe->ntree, r->cap);
	f = &recipe->tree[recipe->ntree++];
	*f = (struct recipe_file){ mem_str(path), st->st_mode & 0100, digest };
	return 0;
}

int
recipe_tree_read(
    int dirfd, struct store *store, struct recipe *recipe, struct err *err)
{
	struct reading r = { recipe, store, 0 };
	struct hasher h;

	if (tree_walk(dirfd, read_one, &r, err) == -1)
		return -1;
	hasher_init(&h);
	hasher_field(&h, "kiln/recipe-tree/1", 18);
	for (size_t i = 0; i < recipe->ntree; i++) {
		const struct recipe_file *f = &recipe->tree[i];

		hasher_field(&h, f->path, strlen(f->path));
		hasher_field(&h, f->x ? "x" : "-", 1);
		hasher_field(&h, f->sha256.b, sizeof(f->sha256.b));
	}
	hasher_end(&h, &recipe->tree_digest);
	return 0;
}

void
recipe_tree_release(struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->ntree; i++)
		free(recipe->tree[i].path);
	free(recipe->tree);
	recipe->tree = NULL;
	recipe->ntree = 0;
}

const struct recipe_file *
recipe_tree_find(const struct recipe *recipe, const char *path)
{
	for (size_t i = 0; i < recipe->ntree; i++)
		if (strcmp(recipe->tree[i].path, path) == 0)
			return &recipe->tree[i];
	return NULL;
}
