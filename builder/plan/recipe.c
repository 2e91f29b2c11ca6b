#include "builder/plan/recipe.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/plan/arch.h"
#include "builder/plan/graph.h"
#include "builder/plan/recipe_read.h"
#include "builder/plan/recipe_tree.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

#define RECIPES_MAX 1000 /* graph_order is recursive */

void
recipe_hold(struct recipe *r, bool own, const char *fmt, ...)
{
	auto_buf struct buf text = BUF_INIT;
	va_list ap;

	if (r->error)
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	r->error = buf_take(&text);
	r->own_error = own;
}

/* What is wrong with a recipe holds it; that a disk has no room is not. */
static int
load_one(int dirfd, struct store *store, struct recipe *r, struct err *err)
{
	struct err why = ERR_INIT;
	auto_fd int dir = dir_open_at(dirfd, r->folder, &why);

	if (dir != -1 && recipe_tree_read(dir, store, r, &why) == 0 &&
	    recipe_read(dir, r, &why) == 0)
		return 0;
	if (err_no_room(&why)) {
		*err = why;
		return -1;
	}
	recipe_hold(r, true, "%s", why.msg);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct recipe *)a)->name, ((const struct recipe *)b)->name);
}

static struct recipe *
listed(const struct recipes *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

static const char *
place(const char *origin)
{
	return origin ? origin : "the folder of recipes";
}

static int
list(int dirfd, const char *origin, struct recipes *all, size_t *cap,
    struct err *err)
{
	auto_dir DIR *d = dir_list_at(dirfd, ".", err);
	struct dirent *e;

	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d))) {
		auto_free char *yaml = NULL;
		struct recipe *other;

		if (!name_ok(e->d_name))
			continue;
		yaml = mem_printf("%s/recipe.yaml", e->d_name);
		if (!file_exists_at(dirfd, yaml))
			continue;
		other = listed(all, e->d_name);
		if (other) {
			recipe_hold(other, true,
			    "the recipe %s is in %s and in %s", e->d_name,
			    place(other->origin), place(origin));
			continue;
		}
		if (all->n == RECIPES_MAX)
			return err_set(err, ERR_INPUT, "more than %d recipes",
			    RECIPES_MAX);
		MEM_GROW(all->v, all->n, *cap);
		all->v[all->n++] = (struct recipe){ .name = mem_str(e->d_name),
			.folder = mem_str(e->d_name),
			.origin = mem_str(origin) };
	}
	if (errno)
		return err_sys(err, "list the recipes");
	return 0;
}

int
recipes_load(
    int dirfd, struct store *store, struct recipes *all, struct err *err)
{
	struct recipe_folder one = { dirfd, NULL };

	return recipes_load_from(&one, 1, NULL, store, all, err);
}

static void
release_one(struct recipe *r)
{
	recipe_read_release(r);
	recipe_tree_release(r);
	free(r->error);
	free(r->origin);
	free(r->folder);
	free(r->name);
}

/* A recipe that is not for this machine's architecture counts only where it
 * is asked for. */
static void
leave_out(struct recipes *all, size_t first, const struct strs *more)
{
	size_t kept = first;

	for (size_t i = first; i < all->n; i++)
		if (!all->v[i].error && all->v[i].on &&
		    !(more && strs_has(more, all->v[i].arch)))
			release_one(&all->v[i]);
		else
			all->v[kept++] = all->v[i];
	all->n = kept;
}

/* The same folders once more, for the other architectures. */
static int
load_more(int dirfd, struct store *store, struct recipes *all, size_t first,
    size_t *cap, const struct strs *more, struct err *err)
{
	size_t end = all->n;

	for (size_t i = first; more && i < end; i++)
		for (size_t k = 0; k < more->n; k++) {
			const struct recipe *base = &all->v[i];
			const char *arch = arch_known(more->v[k]);
			struct recipe r = { .arch = arch };

			if (base->error || base->on || !arch ||
			    strcmp(arch, base->arch) == 0 ||
			    !strs_has(&base->arches, arch))
				continue;
			r.on = base->arch;
			r.folder = mem_str(base->folder);
			r.name = recipe_arch_name(base->folder, arch);
			r.origin = mem_str(base->origin);
			if (all->n == RECIPES_MAX) {
				release_one(&r);
				return err_set(err, ERR_INPUT,
				    "more than %d recipes", RECIPES_MAX);
			}
			MEM_GROW(all->v, all->n, *cap);
			all->v[all->n++] = r;
			if (load_one(dirfd, store, &all->v[all->n - 1], err) ==
			    -1)
				return -1;
		}
	return 0;
}

/* "a.arm64" may be a folder, too: that one comes first in the list. */
static void
hold_same(struct recipes *all)
{
	for (size_t i = 1; i < all->n; i++)
		if (strcmp(all->v[i - 1].name, all->v[i].name) == 0) {
			recipe_hold(&all->v[i - 1], true,
			    "two recipes are called %s", all->v[i].name);
			recipe_hold(&all->v[i], true,
			    "two recipes are called %s", all->v[i].name);
		}
}

int
recipes_load_from(const struct recipe_folder *v, size_t n,
    const struct strs *more, struct store *store, struct recipes *all,
    struct err *err)
{
	size_t cap = 0;

	*all = (struct recipes){ 0 };
	for (size_t f = 0; f < n; f++) {
		size_t first = all->n;

		int rc = list(v[f].dirfd, v[f].origin, all, &cap, err);

		for (size_t i = first; rc == 0 && i < all->n; i++)
			rc = load_one(v[f].dirfd, store, &all->v[i], err);
		if (rc == 0) {
			leave_out(all, first, more);
			rc = load_more(
			    v[f].dirfd, store, all, first, &cap, more, err);
		}
		if (rc == -1) {
			recipes_release(all);
			return -1;
		}
	}
	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), by_name);
	hold_same(all);
	for (size_t i = 0; i < all->n; i++)
		recipe_arch_resolve(all, &all->v[i]);
	for (size_t i = 0; i < all->n; i++) {
		struct err why = ERR_INIT;

		if (!all->v[i].error &&
		    recipe_check_uses(all, &all->v[i], &why) == -1)
			recipe_hold(&all->v[i], true, "%s", why.msg);
	}
	graph_order(all);
	return 0;
}

void
recipes_release(struct recipes *all)
{
	for (size_t i = 0; i < all->n; i++)
		release_one(&all->v[i]);
	free(all->v);
	free(all->order);
	*all = (struct recipes){ 0 };
}

struct recipe *
recipes_find(const struct recipes *all, const char *name)
{
	struct recipe key = { .name = (char *)name };

	return all->n ? bsearch(&key, all->v, all->n, sizeof(key), by_name)
		      : NULL;
}

bool
recipe_is_service(const struct recipe *r)
{
	return r->has_image || r->kind == RECIPE_KERNEL ||
	       r->kind == RECIPE_AGENT || r->kind == RECIPE_SOLO5;
}

const char *
recipe_service(const struct recipe *r)
{
	switch (r->kind) {
	case RECIPE_KERNEL:
		return "kernel";
	case RECIPE_AGENT:
		return "kiln-agent";
	default:
		return r->folder;
	}
}

bool
recipe_same_service(const struct recipe *a, const struct recipe *b)
{
	return !a->error && !b->error && recipe_is_service(a) &&
	       recipe_is_service(b) && strcmp(a->arch, b->arch) == 0 &&
	       strcmp(recipe_service(a), recipe_service(b)) == 0;
}
