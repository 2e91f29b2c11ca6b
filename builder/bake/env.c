/* The builder's side: what is missing, who makes it, is it still the same. */
#include "builder/bake/env.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/bake/env_crew.h"
#include "builder/bake/env_list.h"
#include "builder/bake/env_tree.h"
#include "builder/bake/fixup.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

#define DEB_NAME (4 + HASH_HEX)

/* "deb/HEX" */
static void
deb_name(char out[DEB_NAME], const struct hash *h)
{
	memcpy(out, "deb/", 4);
	hash_hex(h, out + 4);
}

/* --- packages ------------------------------------------------------------ */

/* One that is not unpacked yet. */
struct missing {
	struct env_package package;
	int64_t size;
};

struct making {
	const struct env_place *at;
	struct missing *v;
	size_t n;
	int64_t done, total;
};

static void
one_done(void *arg)
{
	struct making *m = arg;

	m->done++;
	if (m->at->progress)
		m->at->progress(m->at->arg, m->done, m->total);
}

static int
largest_first(const void *pa, const void *pb)
{
	const struct missing *a = pa, *b = pb;

	return (a->size < b->size) - (a->size > b->size);
}

static bool
listed(const struct making *m, const struct hash *h)
{
	for (size_t i = 0; i < m->n; i++)
		if (hash_equal(&m->v[i].package.sha256, h))
			return true;
	return false;
}

static int
find_missing(
    struct making *m, const struct env_package *p, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		char name[DEB_NAME];
		auto_fd int deb = -1;
		struct missing one = { .package = p[i] };

		deb_name(name, &p[i].sha256);
		if (file_exists_at(m->at->dirfd, name) ||
		    listed(m, &p[i].sha256)) {
			one_done(m);
			continue;
		}
		if (store_get(m->at->store, &p[i].sha256, &deb, err) == -1 ||
		    fd_size(deb, &one.size, err) == -1)
			return err_prefix(err, "package %s", p[i].name);
		m->v[m->n++] = one;
	}
	/* So that no large one is left for the end, and for one alone. */
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), largest_first);
	return 0;
}

static int
unpack(struct making *m, const struct env_package *p, struct err *err)
{
	const struct env_place *at = m->at;
	auto_fd int deb = -1;

	if (store_get(at->store, &p->sha256, &deb, err) == -1)
		return err_prefix(err, "package %s", p->name);
	if (at->crew)
		return env_crew_unpack(at->crew, at->dirfd, p, deb, err);
	if (env_tree_unpack(at->dirfd, p, deb, err) == -1)
		return -1;
	one_done(m);
	return 0;
}

static int
unpack_all(struct making *m, struct err *err)
{
	struct env_crew *crew = m->at->crew;
	struct err late = ERR_INIT;
	int rc = 0;

	if (crew)
		env_crew_tell(crew, one_done, m);
	for (size_t i = 0; i < m->n && rc == 0; i++)
		rc = unpack(m, &m->v[i].package, err);
	/* After a failure, too: nobody may be at work below a name that the
	 * next one begins anew. */
	if (crew && env_crew_finish(crew, &late) == -1 && rc == 0) {
		*err = late;
		rc = -1;
	}
	if (crew)
		env_crew_tell(crew, NULL, NULL);
	return rc;
}

static int
make_packages(const struct env_place *at, const struct env_package *p, size_t n,
    struct err *err)
{
	auto_free struct missing *v = mem_zero(n + 1, sizeof(*v));
	auto_free struct env_package *list = mem_zero(n + 1, sizeof(*list));
	struct making m = { .at = at, .v = v, .total = (int64_t)n };

	if (find_missing(&m, p, n, err) == -1 || unpack_all(&m, err) == -1)
		return -1;
	if (m.n == 0)
		return 0;
	for (size_t i = 0; i < m.n; i++)
		list[i] = m.v[i].package;
	/* One sync for all of them, then their names. */
	return at->crew ? env_crew_name(at->crew, at->dirfd, list, m.n, err)
			: env_tree_name(at->dirfd, list, m.n, err);
}

static int
read_digest(int env, const struct hash *deb, struct hash *out, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char name[DEB_NAME];
	auto_free char *path = NULL;

	deb_name(name, deb);
	path = mem_printf("%s/digest", name);
	if (file_read_at(env, path, HASH_HEX, &text, err) == -1)
		return -1;
	if (text.len == HASH_HEX - 1 && hash_parse(out, text.data))
		return 0;
	return err_set(err, ERR_TRUST, "env/%s is damaged", name);
}

/* --- an environment ------------------------------------------------------ */

static int
digest_env(int env, const struct env_package *p, size_t n, struct hash *out,
    struct err *err)
{
	auto_buf struct buf fix = BUF_INIT;
	struct hasher h;

	hasher_init(&h);
	hasher_field(&h, "kiln/environment/1", 18);
	for (size_t i = 0; i < n; i++) {
		struct hash tree;

		if (read_digest(env, &p[i].sha256, &tree, err) == -1)
			return -1;
		hasher_field(&h, p[i].sha256.b, sizeof(p[i].sha256.b));
		hasher_field(&h, tree.b, sizeof(tree.b));
	}
	fixup_text(&fix);
	hasher_field(&h, fix.data, fix.len);
	hasher_end(&h, out);
	return 0;
}

static int
assemble(const struct env_place *at, const struct hash *digest,
    const struct env_package *p, size_t n, struct err *err)
{
	return at->crew
		   ? env_crew_assemble(at->crew, at->dirfd, digest, p, n, err)
		   : env_tree_assemble(at->dirfd, digest, p, n, err);
}

/* One that is there is used if it is what it was; one without a list is made
 * again. */
static int
have(const struct env_place *at, const struct hash *digest,
    const struct env_package *p, size_t n, struct err *err)
{
	struct err why = ERR_INIT;
	char hex[HASH_HEX];

	hash_hex(digest, hex);
	if (file_exists_at(at->dirfd, hex)) {
		if (env_list_check(at->dirfd, digest, &why) == 0)
			return 0;
		if (why.cls != ERR_MISSING) {
			*err = why;
			return -1;
		}
		if (env_drop(at, hex, err) == -1)
			return -1;
	}
	return assemble(at, digest, p, n, err);
}

int
env_make(const struct env_place *at, const struct env_package *p, size_t n,
    struct env *out, struct err *err)
{
	char hex[HASH_HEX];
	struct hash digest;

	if (make_packages(at, p, n, err) == -1 ||
	    digest_env(at->dirfd, p, n, &digest, err) == -1)
		return err_prefix(err, "environment");
	hash_hex(&digest, hex);
	if (have(at, &digest, p, n, err) == -1)
		return err_prefix(err, "environment");
	out->digest = digest;
	out->root = mem_printf("%s/%s", at->path, hex);
	return 0;
}

void
env_release(struct env *e)
{
	free(e->root);
	e->root = NULL;
}

int
env_same(const struct env_place *at, const struct hash *digest, struct err *err)
{
	return env_list_check(at->dirfd, digest, err);
}

int
env_drop(const struct env_place *at, const char *name, struct err *err)
{
	return at->crew ? env_crew_drop(at->crew, at->dirfd, name, err)
			: env_tree_drop(at->dirfd, name, err);
}

int
env_names(const struct env_place *at, json_t *names, struct err *err)
{
	auto_dir DIR *d = dir_list_at(at->dirfd, ".", err);
	const struct dirent *e;
	struct hash h;

	if (!d)
		return -1;
	while ((errno = 0, e = readdir(d)))
		if (hash_parse(&h, e->d_name))
			json_array_append_new(names, json_string(e->d_name));
	return errno ? err_sys(err, "list env") : 0;
}

int
env_check(const struct env_place *at, const struct env_package *p, size_t n,
    size_t first, size_t count, struct err *err)
{
	for (size_t i = 0; i < count && i < n; i++) {
		const struct env_package *one = &p[(first + i) % n];
		char name[DEB_NAME];
		auto_free char *path = NULL;
		auto_fd int dir = -1;
		struct hash then, now;

		deb_name(name, &one->sha256);
		path = mem_printf("%s/root", name);
		dir = dir_open_at(at->dirfd, path, err);
		if (dir == -1 ||
		    read_digest(at->dirfd, &one->sha256, &then, err) == -1 ||
		    tree_digest(dir, &now, err) == -1)
			return -1;
		if (!hash_equal(&then, &now))
			return err_set(err, ERR_TRUST,
			    "package %s has changed since it was unpacked:"
			    " run `kiln verify`",
			    one->name);
	}
	return 0;
}

int
env_recover(const struct env_place *at, struct err *err)
{
	int rc = at->crew ? env_crew_clean(at->crew, at->dirfd, err)
			  : env_tree_clean(at->dirfd, err);

	return rc == -1 ? err_prefix(err, "clean env") : 0;
}
