#include "builder/doubt/proof.h"

#include <string.h>

#include "builder/inputs/lock_make.h"
#include "lib/mem.h"
#include "lib/own.h"

/* What lies in the store from an earlier time is hashed again. */
static int
sound(struct bytes *b, const struct hash *h, const char *name, struct err *err)
{
	return store_verify(b->archive->store, h, err) == 0
		   ? 0
		   : err_prefix(err, "%s", name);
}

/* Nobody asks a table of sources for a lock without Debian sources. */
static bool
asked(const struct lock *l, const struct lock_index *x)
{
	static const char end[] = "/Sources.xz";
	size_t n = strlen(x->path), e = sizeof(end) - 1;

	return l->sources.n > 0 || n < e || strcmp(x->path + n - e, end) != 0;
}

int
proof_lock(struct bytes *b, const struct lock *l, struct err *err)
{
	for (size_t i = 0; i < l->nsuites; i++) {
		const struct lock_suite *s = &l->suites[i];

		if (bytes_inrelease(b, s, err) == -1 ||
		    sound(b, &s->inrelease, s->name, err) == -1)
			return -1;
		for (size_t k = 0; k < s->nindexes; k++)
			if (asked(l, &s->indexes[k]) &&
			    (bytes_index(b, s, &s->indexes[k], err) == -1 ||
				sound(b, &s->indexes[k].sha256,
				    s->indexes[k].path, err) == -1))
				return -1;
	}
	if (lock_judge(b->archive, l, err) == -1)
		return err_prefix(err, "lock of %s", l->recipe);
	return 0;
}

/* --- the plan's inputs --------------------------------------------------- */

static const struct lock_packages *
closure(const struct plan *p, const struct lock *l)
{
	return p->stage == STAGE_IMAGE ? &l->image : &l->build;
}

static const struct lock_package *
package_of(const struct plan *p, size_t i, const struct lock *l)
{
	const struct lock_package *k =
	    lock_package_find(closure(p, l), p->packages[i].name);

	return k && hash_equal(&k->sha256, &p->packages[i].sha256) ? k : NULL;
}

/* The three lists a source may be of; one is set. */
struct source {
	const struct lock_source *deb;
	const struct lock_git *git;
	const struct lock_file *file;
};

static bool
source_of(const struct plan_source *s, const struct lock *l, struct source *out)
{
	*out = (struct source){ 0 };
	for (size_t i = 0; i < l->sources.n; i++)
		if (strcmp(l->sources.v[i].file, s->file) == 0 &&
		    hash_equal(&l->sources.v[i].sha256, &s->sha256))
			out->deb = &l->sources.v[i];
	for (size_t i = 0; i < l->git.n; i++)
		if (strcmp(l->git.v[i].file, s->file) == 0 &&
		    hash_equal(&l->git.v[i].sha256, &s->sha256))
			out->git = &l->git.v[i];
	for (size_t i = 0; i < l->files.n; i++)
		if (strcmp(l->files.v[i].file, s->file) == 0 &&
		    hash_equal(&l->files.v[i].sha256, &s->sha256))
			out->file = &l->files.v[i];
	return out->deb || out->git || out->file;
}

int
proof_plan(const struct plan *p, const struct lock *l, struct err *err)
{
	struct source s;

	if (strcmp(p->arch, l->arch) != 0)
		return err_set(err, ERR_TRUST,
		    "a plan for %s has a lock for %s", p->arch, l->arch);
	for (size_t i = 0; i < p->npackages; i++)
		if (!package_of(p, i, l))
			return err_set(err, ERR_TRUST,
			    "the plan's package %s is not that of its lock: "
			    "no archive's signature covers it",
			    p->packages[i].name);
	for (size_t i = 0; i < p->nsources; i++)
		if (!source_of(&p->sources[i], l, &s))
			return err_set(err, ERR_TRUST,
			    "the plan's source %s is not that of its lock",
			    p->sources[i].file);
	return 0;
}

int
proof_inputs(struct bytes *b, const struct plan *p, const struct lock *l,
    struct err *err)
{
	struct source s;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->ntree; i++)
		rc =
		    bytes_blob(b, &p->tree[i].sha256, -1, p->tree[i].path, err);
	for (size_t i = 0; rc == 0 && i < p->npackages; i++)
		rc = bytes_package(b, package_of(p, i, l), err);
	for (size_t i = 0; rc == 0 && i < p->nsources; i++) {
		if (!source_of(&p->sources[i], l, &s))
			return err_set(err, ERR_TRUST, "%s: not in the lock",
			    p->sources[i].file);
		rc = s.deb   ? bytes_source(b, s.deb, err)
		     : s.git ? bytes_git(b, s.git, err)
			     : bytes_file(b, s.file, err);
	}
	return rc;
}

static int
each_proof(const struct lock *l, proof_fn *fn, void *arg, struct err *err)
{
	for (size_t i = 0; i < l->nsuites; i++) {
		const struct lock_suite *s = &l->suites[i];

		if (fn(arg, &s->inrelease, s->name, err) == -1)
			return -1;
		for (size_t k = 0; k < s->nindexes; k++)
			if (asked(l, &s->indexes[k]) &&
			    fn(arg, &s->indexes[k].sha256, s->indexes[k].path,
				err) == -1)
				return -1;
	}
	return 0;
}

int
proof_each(const struct plan *p, const struct lock *l, proof_fn *fn, void *arg,
    struct err *err)
{
	int rc = fn(arg, &p->digest, "plan", err);

	if (rc == 0)
		rc = fn(arg, &l->digest, "lock", err);
	if (rc == 0)
		rc = each_proof(l, fn, arg, err);
	for (size_t i = 0; rc == 0 && i < p->ntree; i++)
		rc = fn(arg, &p->tree[i].sha256, p->tree[i].path, err);
	for (size_t i = 0; rc == 0 && i < p->npackages; i++)
		rc = fn(arg, &p->packages[i].sha256, p->packages[i].name, err);
	for (size_t i = 0; rc == 0 && i < p->nsources; i++)
		rc = fn(arg, &p->sources[i].sha256, p->sources[i].file, err);
	return rc;
}
