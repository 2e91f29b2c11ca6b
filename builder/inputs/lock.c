#include "builder/inputs/lock.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/lock_json.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/own.h"

/* 250 packages of 300 bytes each, twice, and 10,000 names: far below. */
#define LOCK_MAX (16 * 1024 * 1024)

void
lock_package_release(struct lock_package *p)
{
	free(p->name);
	free(p->version);
	free(p->arch);
	free(p->path);
	free(p->suite);
	*p = (struct lock_package){ 0 };
}

void
lock_source_release(struct lock_source *s)
{
	free(s->name);
	free(s->version);
	free(s->file);
	free(s->path);
	free(s->suite);
	*s = (struct lock_source){ 0 };
}

void
lock_packages_release(struct lock_packages *l)
{
	for (size_t i = 0; i < l->n; i++)
		lock_package_release(&l->v[i]);
	free(l->v);
	*l = (struct lock_packages){ 0 };
}

void
lock_sources_release(struct lock_sources *l)
{
	for (size_t i = 0; i < l->n; i++)
		lock_source_release(&l->v[i]);
	free(l->v);
	*l = (struct lock_sources){ 0 };
}

void
lock_gits_release(struct lock_gits *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].file);
		free(l->v[i].url);
		free(l->v[i].ref);
		free(l->v[i].commit);
		free(l->v[i].tree);
	}
	free(l->v);
	*l = (struct lock_gits){ 0 };
}

void
lock_files_release(struct lock_files *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].file);
		free(l->v[i].url);
	}
	free(l->v);
	*l = (struct lock_files){ 0 };
}

void
lock_names_release(struct lock_names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct lock_names){ 0 };
}

void
lock_names_add(struct lock_names *l, const char *name)
{
	MEM_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = mem_str(name);
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
lock_names_sort(struct lock_names *l)
{
	size_t n = 0;

	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof(*l->v), name_cmp);
	for (size_t i = 0; i < l->n; i++)
		if (n > 0 && strcmp(l->v[n - 1], l->v[i]) == 0)
			free(l->v[i]);
		else
			l->v[n++] = l->v[i];
	l->n = n;
}

void
lock_release(struct lock *l)
{
	for (size_t i = 0; i < l->nsuites; i++) {
		struct lock_suite *s = &l->suites[i];

		for (size_t k = 0; k < s->nindexes; k++)
			free(s->indexes[k].path);
		free(s->indexes);
		free(s->name);
	}
	free(l->suites);
	free(l->recipe);
	free(l->arch);
	lock_packages_release(&l->build);
	lock_packages_release(&l->image);
	lock_sources_release(&l->sources);
	lock_gits_release(&l->git);
	lock_files_release(&l->files);
	lock_names_release(&l->consulted);
	*l = (struct lock){ 0 };
}

void
lock_free(struct lock *l)
{
	if (!l)
		return;
	lock_release(l);
	free(l);
}

static int
package_cmp(const void *va, const void *vb)
{
	const struct lock_package *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	return c ? c : strcmp(a->arch, b->arch);
}

static int
source_cmp(const void *va, const void *vb)
{
	const struct lock_source *a = va, *b = vb;

	return strcmp(a->file, b->file);
}

static int
git_cmp(const void *va, const void *vb)
{
	const struct lock_git *a = va, *b = vb;

	return strcmp(a->file, b->file);
}

static int
file_cmp(const void *va, const void *vb)
{
	const struct lock_file *a = va, *b = vb;

	return strcmp(a->file, b->file);
}

static int
suite_cmp(const void *va, const void *vb)
{
	const struct lock_suite *a = va, *b = vb;

	return strcmp(a->name, b->name);
}

static int
index_cmp(const void *va, const void *vb)
{
	const struct lock_index *a = va, *b = vb;

	return strcmp(a->path, b->path);
}

static void
sort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	if (n > 1)
		qsort(v, n, size, cmp);
}

static void
sort_all(struct lock *l)
{
	sort(l->suites, l->nsuites, sizeof(*l->suites), suite_cmp);
	for (size_t i = 0; i < l->nsuites; i++)
		sort(l->suites[i].indexes, l->suites[i].nindexes,
		    sizeof(*l->suites[i].indexes), index_cmp);
	sort(l->build.v, l->build.n, sizeof(*l->build.v), package_cmp);
	sort(l->image.v, l->image.n, sizeof(*l->image.v), package_cmp);
	sort(l->sources.v, l->sources.n, sizeof(*l->sources.v), source_cmp);
	sort(l->git.v, l->git.n, sizeof(*l->git.v), git_cmp);
	sort(l->files.v, l->files.n, sizeof(*l->files.v), file_cmp);
	lock_names_sort(&l->consulted);
}

/* Is each smaller than the next?  Then it is sorted and nothing is twice. */
static bool
rising(const void *v, size_t n, size_t size,
    int (*cmp)(const void *, const void *))
{
	const char *p = v;

	for (size_t i = 1; i < n; i++)
		if (cmp(p + (i - 1) * size, p + i * size) >= 0)
			return false;
	return true;
}

static int
check_order(const char *name, const struct lock *l, struct err *err)
{
	bool ok = rising(l->suites, l->nsuites, sizeof(*l->suites), suite_cmp);

	for (size_t i = 0; ok && i < l->nsuites; i++)
		ok = rising(l->suites[i].indexes, l->suites[i].nindexes,
		    sizeof(*l->suites[i].indexes), index_cmp);
	if (ok &&
	    rising(l->build.v, l->build.n, sizeof(*l->build.v), package_cmp) &&
	    rising(l->image.v, l->image.n, sizeof(*l->image.v), package_cmp) &&
	    rising(l->sources.v, l->sources.n, sizeof(*l->sources.v),
		source_cmp) &&
	    rising(l->git.v, l->git.n, sizeof(*l->git.v), git_cmp) &&
	    rising(l->files.v, l->files.n, sizeof(*l->files.v), file_cmp) &&
	    rising(l->consulted.v, l->consulted.n, sizeof(*l->consulted.v),
		name_cmp))
		return 0;
	return err_set(err, ERR_INPUT,
	    "%s: something is listed twice or out of order", name);
}

int
lock_store(struct store *st, struct lock *l, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	auto_json json_t *j = NULL;

	sort_all(l);
	if (check_order("the new lock", l, err) == -1)
		return -1;
	j = lock_json(l);
	if (canon_json(j, &text, err) == -1 ||
	    store_put_bytes(st, text.data, text.len, &l->digest, err) == -1)
		return err_prefix(err, "lock of %s", l->recipe);
	return 0;
}

struct lock *
lock_parse(const char *name, const void *bytes, size_t n, struct err *err)
{
	auto_json json_t *j = js_record(name, "kiln/lock", 3, bytes, n, err);
	auto_buf struct buf again = BUF_INIT;
	auto_lock struct lock *l = mem_zero(1, sizeof(*l));

	if (!j || lock_from_json(name, j, l, err) == -1 ||
	    check_order(name, l, err) == -1 || canon_json(j, &again, err) == -1)
		return NULL;
	if (again.len != n || memcmp(again.data, bytes, n) != 0) {
		err_set(err, ERR_INPUT, "%s: not canonical JSON", name);
		return NULL;
	}
	hash_bytes(&l->digest, bytes, n);
	return take_ptr(&l);
}

struct lock *
lock_load(struct store *st, const struct hash *digest, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;
	char hex[HASH_HEX], name[80];

	hash_hex(digest, hex);
	snprintf(name, sizeof(name), "lock %.12s", hex);
	if (store_read(st, digest, LOCK_MAX, &text, err) == -1) {
		err_prefix(err, "%s", name);
		return NULL;
	}
	return lock_parse(name, text.data, text.len, err);
}

int
lock_blobs(const struct lock *l, lock_blob_fn *fn, void *arg, struct err *err)
{
	const struct lock_packages *lists[] = { &l->build, &l->image };

	for (size_t i = 0; i < l->nsuites; i++) {
		const struct lock_suite *s = &l->suites[i];

		if (fn(arg, &s->inrelease, -1, s->name, err) != 0)
			return -1;
		for (size_t k = 0; k < s->nindexes; k++)
			if (fn(arg, &s->indexes[k].sha256, -1,
				s->indexes[k].path, err) != 0)
				return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct lock_package *p = &lists[i]->v[k];

			/* What both need is visited once. */
			if (i == 1) {
				const struct lock_package *b =
				    lock_package_find(&l->build, p->name);

				if (b && hash_equal(&b->sha256, &p->sha256))
					continue;
			}
			if (fn(arg, &p->sha256, p->size, p->path, err) != 0)
				return -1;
		}
	for (size_t i = 0; i < l->sources.n; i++) {
		const struct lock_source *s = &l->sources.v[i];

		if (fn(arg, &s->sha256, s->size, s->path, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < l->git.n; i++) {
		const struct lock_git *g = &l->git.v[i];

		if (fn(arg, &g->sha256, g->size, g->file, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < l->files.n; i++) {
		const struct lock_file *f = &l->files.v[i];

		if (fn(arg, &f->sha256, f->size, f->file, err) != 0)
			return -1;
	}
	return 0;
}

static int
blob_there(void *arg, const struct hash *h, int64_t size KILN_UNUSED,
    const char *name, struct err *err)
{
	struct store *st = arg;
	char hex[HASH_HEX];

	if (store_has(st, h))
		return 0;
	hash_hex(h, hex);
	return err_set(
	    err, ERR_MISSING, "%s (%.12s…) is not in the store", name, hex);
}

int
lock_complete(struct store *st, const struct lock *l, struct err *err)
{
	if (lock_blobs(l, blob_there, st, err) == -1)
		return err_prefix(err, "lock of %s", l->recipe);
	return 0;
}

size_t
lock_package_plain(const char *name)
{
	return strcspn(name, ":");
}

const struct lock_package *
lock_package_find(const struct lock_packages *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return &l->v[i];
	return NULL;
}
