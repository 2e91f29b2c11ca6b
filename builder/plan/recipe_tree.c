#include "builder/plan/recipe_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/canon.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/recipe_sig.h"
#include "lib/tree.h"

/* Each file is a mount of its own in the sandbox. */
#define FILES_MAX 512
#define FILE_MAX ((int64_t)16 << 20)

struct reading {
	struct recipe *recipe;
	struct store *store;
	size_t cap;
};

/* One that is none holds the recipe: whoever put it there meant something. */
static int
read_signature(struct reading *r, int dirfd, const char *name, struct err *err)
{
	auto_free char *what = mem_printf("%s/%s", r->recipe->name, name);
	auto_recipe_sig struct recipe_sig sig = RECIPE_SIG_INIT;
	auto_buf struct buf text = BUF_INIT;

	if (file_read_at(dirfd, name, RECIPE_SIG_MAX, &text, err) == -1 ||
	    recipe_sig_read(&sig, what, text.data, text.len, err) == -1)
		return -1;
	hash_bytes(&r->recipe->signature, text.data, text.len);
	r->recipe->is_signed = true;
	if (!r->store || store_has(r->store, &r->recipe->signature))
		return 0;
	return store_put_bytes(
	    r->store, text.data, text.len, &r->recipe->signature, err);
}

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
		    recipe->folder, path);
	if (!path_ok(path))
		return err_set(err, ERR_INPUT,
		    "%s/%s: a name may only hold A-Z a-z 0-9 . _ + ~ - and not"
		    " start with . or -",
		    recipe->folder, path);
	if (strcmp(path, RECIPE_SIG_FILE) == 0)
		return read_signature(r, dirfd, name, err);
	if (recipe->ntree == FILES_MAX || st->st_size > FILE_MAX)
		return err_set(err, ERR_INPUT,
		    "%s/%s: a recipe has at most %d files of 16 MiB",
		    recipe->folder, path, FILES_MAX);
	fd = file_open_at(dirfd, name, O_RDONLY | O_NONBLOCK, 0, err);
	if (fd == -1 || hash_fd(fd, &digest, &size, err) == -1)
		return -1;
	if (r->store && !store_has(r->store, &digest) &&
	    store_put_expected(r->store, fd, &digest, size, err) == -1)
		return err_prefix(err, "%s/%s", recipe->folder, path);
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

/* --- the list as a record --------------------------------------------------
 */

json_t *
recipe_tree_json(const struct recipe *r)
{
	json_t *j = js_record_new(RECIPE_TREE_KIND, 1), *list = json_array();

	for (size_t i = 0; i < r->ntree; i++) {
		json_t *one = json_object();

		js_set_str(one, "path", r->tree[i].path);
		js_set_bool(one, "x", r->tree[i].x);
		js_set_hash(one, "sha256", &r->tree[i].sha256);
		json_array_append_new(list, one);
	}
	js_set_str(j, "recipe", r->folder);
	js_set(j, "files", list);
	return j;
}

void
recipe_tree_take(struct recipe *r, const json_t *tree)
{
	const json_t *files = json_object_get(tree, "files");
	size_t n = json_array_size(files);

	r->folder = mem_str(json_string_value(json_object_get(tree, "recipe")));
	r->tree = mem_zero(n + 1, sizeof(*r->tree));
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(files, i);
		struct recipe_file *f = &r->tree[r->ntree++];

		f->path =
		    mem_str(json_string_value(json_object_get(one, "path")));
		f->x = json_is_true(json_object_get(one, "x"));
		(void)!hash_parse(&f->sha256,
		    json_string_value(json_object_get(one, "sha256")));
	}
}

int
recipe_tree_put(const struct recipe *r, struct store *store, struct hash *h,
    struct err *err)
{
	auto_json json_t *j = recipe_tree_json(r);
	auto_buf struct buf text = BUF_INIT;

	if (canon_json(j, &text, err) == -1)
		return -1;
	hash_bytes(h, text.data, text.len);
	if (store_has(store, h))
		return 0;
	return store_put_bytes(store, text.data, text.len, h, err);
}
