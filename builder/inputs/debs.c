#include "builder/inputs/debs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <solv/bitmap.h>
#include <solv/chksum.h>
#include <solv/evr.h>
#include <solv/pool.h>
#include <solv/poolarch.h>
#include <solv/problems.h>
#include <solv/repo.h>
#include <solv/repo_deb.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <solv/transaction.h>

#include "builder/inputs/sizes.h"
#include "lib/mem.h"
#include "lib/own.h"

/* Who wins where a dependency says "a | b" and nothing else decides: Debian's
 * own defaults.  docs/formats.md names them. */
static const char *const favoured[] = { "mawk", "libsystemd0", "usrmerge" };

struct debs {
	Pool *pool;
	Map candidates; /* highest versions: pool->considered */
	struct sizes sizes;
	struct buf suites; /* names, for messages */
};

struct debs *
debs_new(const char *arch)
{
	struct debs *d = mem_zero(1, sizeof(*d));

	d->pool = pool_create();
	pool_setdisttype(d->pool, DISTTYPE_DEB);
	pool_setarch(d->pool, arch);
	buf_init(&d->suites);
	return d;
}

void
debs_drop(struct debs *d)
{
	if (!d)
		return;
	d->pool->considered = NULL;
	map_free(&d->candidates);
	pool_free(d->pool);
	sizes_release(&d->sizes);
	buf_release(&d->suites);
	free(d);
}

int
debs_add_suite(struct debs *d, const char *name, int fd, struct err *err)
{
	Repo *repo = repo_create(d->pool, name);
	FILE *f, *plain;
	int own = dup(fd), r;

	if (own == -1)
		return err_sys(err, "suite %s: packages", name);
	plain = solv_xfopen_fd("Packages.xz", own, "r");
	f = plain ? sizes_tee(&d->sizes, plain) : NULL;
	if (!f) {
		if (plain)
			fclose(plain);
		else
			close(own);
		return err_set(err, ERR_INPUT,
		    "suite %s: Packages.xz cannot be read", name);
	}
	r = repo_add_debpackages(repo, f, 0);
	if (r != 0 || ferror(f)) {
		fclose(f);
		return err_set(err, ERR_INPUT,
		    "suite %s: Packages.xz is damaged: %s", name,
		    r ? pool_errstr(d->pool) : "it ends early");
	}
	fclose(f);
	buf_printf(&d->suites, "%s%s", d->suites.len ? ", " : "", name);
	return 0;
}

static int
by_name_then_best(const void *va, const void *vb, void *ctx)
{
	Pool *pool = ctx;
	Id ida = *(const Id *)va, idb = *(const Id *)vb;
	const Solvable *a = pool_id2solvable(pool, ida);
	const Solvable *b = pool_id2solvable(pool, idb);
	int c;

	if (a->name != b->name)
		return a->name < b->name ? -1 : 1;
	c = pool_evrcmp(pool, b->evr, a->evr, EVRCMP_COMPARE);
	if (c != 0)
		return c;
	return ida < idb ? -1 : 1; /* the earlier suite */
}

/* MAPSET, whose conversion gcc's sanitizers warn about. */
static void
map_add(Map *m, Id id)
{
	unsigned char *byte = &m->map[id >> 3];

	*byte = (unsigned char)(*byte | 1u << (id & 7));
}

void
debs_ready(struct debs *d)
{
	Pool *pool = d->pool;
	Id *ids = mem_alloc((size_t)pool->nsolvables * sizeof(*ids));
	Id name = 0, id;
	size_t n = 0;

	FOR_POOL_SOLVABLES(id)
	ids[n++] = id;
	qsort_r(ids, n, sizeof(*ids), by_name_then_best, pool);
	sizes_sort(&d->sizes);
	map_init(&d->candidates, pool->nsolvables);
	for (size_t i = 0; i < n; i++) {
		const Solvable *s = pool_id2solvable(pool, ids[i]);

		if (i > 0 && s->name == name)
			continue;
		name = s->name;
		map_add(&d->candidates, ids[i]);
	}
	free(ids);
	pool->considered = &d->candidates;
	pool_createwhatprovides(pool);
}

static Id
candidate(struct debs *d, const char *name)
{
	Pool *pool = d->pool;
	Id id = pool_str2id(d->pool, name, 0), s, sp;

	if (id)
		FOR_PROVIDES(s, sp, id)
	if (pool_id2solvable(pool, s)->name == id)
		return s;
	return 0;
}

static int
no_package(struct debs *d, const char *name, struct err *err)
{
	Pool *pool = d->pool;
	Id id = pool_str2id(d->pool, name, 0), s, sp;
	auto_buf struct buf by = BUF_INIT;
	int n = 0;

	if (id)
		FOR_PROVIDES(s, sp, id)
	if (n++ < 3)
		buf_printf(&by, "%s%s", by.len ? ", " : "",
		    pool_id2str(d->pool, pool_id2solvable(pool, s)->name));
	if (n > 0)
		return err_set(err, ERR_INPUT,
		    "package %s is only a virtual name in %s: name a package "
		    "that provides it (%s%s)",
		    name, d->suites.data, by.data, n > 3 ? " …" : "");
	return err_set(err, ERR_INPUT, "package %s is in none of the suites %s",
	    name, d->suites.data);
}

/* What libsolv knows of a package, as our own. */
static int
describe(struct debs *d, Id id, struct lock_package *out, struct err *err)
{
	Pool *pool = d->pool;
	Solvable *s = pool_id2solvable(pool, id);
	const char *name = pool_id2str(pool, s->name);
	Id type = 0;
	const char *sum = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
	const char *path = solvable_lookup_location(s, NULL);
	const struct sizes_entry *known;

	*out = (struct lock_package){ 0 };
	if (!sum || type != REPOKEY_TYPE_SHA256 ||
	    !hash_parse(&out->sha256, sum))
		return err_set(err, ERR_INPUT,
		    "suite %s lists package %s without a SHA256", s->repo->name,
		    name);
	known = sizes_find(&d->sizes, &out->sha256);
	if (!path || !known)
		return err_set(err, ERR_INPUT,
		    "suite %s lists package %s without its file", s->repo->name,
		    name);
	out->size = known->size;
	/* libsolv shortens "./x" and keeps the rest as the archive wrote it. */
	out->path = mem_str(path);
	out->name = mem_str(name);
	out->version = mem_str(pool_id2str(pool, s->evr));
	out->arch = mem_str(pool_id2str(pool, s->arch));
	out->suite = mem_str(s->repo->name);
	return 0;
}

/* --- what the solver can look at ----------------------------------------- */

struct reach {
	struct debs *d;
	Map seen;
	Queue todo;
	struct lock_names *names;
};

/* Every name in a dependency. */
static void
name_all(struct reach *r, Id dep)
{
	Pool *pool = r->d->pool;

	if (ISRELDEP(dep)) {
		Reldep *rd = GETRELDEP(pool, dep);

		name_all(r, rd->name);
		if (rd->flags == REL_AND || rd->flags == REL_OR)
			name_all(r, rd->evr);
		return;
	}
	lock_names_add(r->names, pool_id2str(pool, dep));
}

static void
reach_package(struct reach *r, Id id)
{
	if (MAPTST(&r->seen, id))
		return;
	map_add(&r->seen, id);
	queue_push(&r->todo, id);
}

static void
reach_deps(struct reach *r, Id id)
{
	Pool *pool = r->d->pool;
	Solvable *s = pool_id2solvable(pool, id);
	const Offset deps[] = { s->requires, s->conflicts, s->provides };
	Id dep, q, qp;

	lock_names_add(r->names, pool_id2str(pool, s->name));
	for (size_t i = 0; i < ARRAY_LEN(deps); i++) {
		Id *at = deps[i] ? s->repo->idarraydata + deps[i] : NULL;

		while (at && (dep = *at++) != 0) {
			if (dep == SOLVABLE_PREREQMARKER ||
			    dep == SOLVABLE_FILEMARKER)
				continue;
			name_all(r, dep);
			if (i == 0)
				FOR_PROVIDES(q, qp, dep)
			reach_package(r, q);
		}
	}
}

/*
 * The solver makes rules about what is asked for, about whoever could meet a
 * dependency of it, about whoever could meet theirs, and so on; about nothing
 * else.  Not only the closure: a choice that was impossible yesterday may be
 * the first one tomorrow.
 */
static void
consult(struct debs *d, const Queue *job, struct lock_names *names)
{
	struct reach r = { .d = d, .names = names };

	map_init(&r.seen, d->pool->nsolvables);
	queue_init(&r.todo);
	for (int i = 0; i < job->count; i += 2)
		if (job->elements[i] == (SOLVER_INSTALL | SOLVER_SOLVABLE))
			reach_package(&r, job->elements[i + 1]);
	while (r.todo.count > 0)
		reach_deps(&r, queue_pop(&r.todo));
	queue_free(&r.todo);
	map_free(&r.seen);
	lock_names_sort(names);
}

/* ------------------------------------------------------------------------- */

static int
say_problems(struct debs *d, Solver *solver, struct err *err)
{
	Queue rules;
	auto_buf struct buf why = BUF_INIT;

	queue_init(&rules);
	solver_findallproblemrules(solver, 1, &rules);
	for (int i = 0; i < rules.count && i < 2; i++) {
		Id source, target, dep;
		SolverRuleinfo type = solver_ruleinfo(
		    solver, rules.elements[i], &source, &target, &dep);

		buf_printf(&why, "%s%s", why.len ? "; " : "",
		    solver_problemruleinfo2str(
			solver, type, source, target, dep));
	}
	queue_free(&rules);
	return err_set(err, ERR_INPUT,
	    "these packages cannot be together in %s: %s", d->suites.data,
	    why.data);
}

/* What is installed when the job is done; `result`: its solvables. */
static int
run(struct debs *d, Queue *job, Queue *result, struct err *err)
{
	Solver *solver = solver_create(d->pool);
	Transaction *trans;
	int r = -1;

	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	for (size_t i = 0; i < ARRAY_LEN(favoured); i++) {
		Id id = candidate(d, favoured[i]);

		if (id)
			queue_push2(job, SOLVER_FAVOR | SOLVER_SOLVABLE, id);
	}
	if (solver_solve(solver, job) != 0) {
		say_problems(d, solver, err);
	} else {
		trans = solver_create_transaction(solver);
		transaction_installedresult(trans, result);
		transaction_free(trans);
		r = 0;
	}
	solver_free(solver);
	return r;
}

int
debs_solve(struct debs *d, const char *const *names, size_t n,
    struct lock_packages *out, struct lock_names *consulted, struct err *err)
{
	Queue job, result;
	int r = -1;

	queue_init(&job);
	queue_init(&result);
	for (size_t i = 0; i < n; i++) {
		Id id = candidate(d, names[i]);

		lock_names_add(consulted, names[i]);
		if (id == 0) {
			no_package(d, names[i], err);
			goto done;
		}
		queue_push2(&job, SOLVER_INSTALL | SOLVER_SOLVABLE, id);
	}
	if (run(d, &job, &result, err) == -1)
		goto done;
	for (int i = 0; i < result.count; i++) {
		MEM_GROW(out->v, out->n, out->cap);
		if (describe(d, result.elements[i], &out->v[out->n], err) == -1)
			goto done;
		out->n++;
	}
	consult(d, &job, consulted);
	r = 0;
done:
	queue_free(&job);
	queue_free(&result);
	return r;
}

/* --- a whole Debian --------------------------------------------------------
 */

static const struct sizes_entry *
known_of(struct debs *d, Id id)
{
	Solvable *s = pool_id2solvable(d->pool, id);
	Id type = 0;
	const char *sum = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);
	struct hash h;

	if (!sum || type != REPOKEY_TYPE_SHA256 || !hash_parse(&h, sum))
		return NULL;
	return sizes_find(&d->sizes, &h);
}

int
debs_stock(struct debs *d, const char *const *names, size_t n,
    struct stock *out, struct err *err)
{
	Pool *pool = d->pool;
	Queue job, result;
	Id id;
	int r;

	queue_init(&job);
	queue_init(&result);
	for (size_t i = 0; i < n; i++)
		if ((id = candidate(d, names[i])) != 0)
			queue_push2(&job, SOLVER_INSTALL | SOLVER_SOLVABLE, id);
	FOR_POOL_SOLVABLES(id)
	{
		const struct sizes_entry *e =
		    MAPTST(&d->candidates, id) ? known_of(d, id) : NULL;

		if (e && e->base)
			queue_push2(&job, SOLVER_INSTALL | SOLVER_SOLVABLE, id);
	}
	r = run(d, &job, &result, err);
	for (int i = 0; r == 0 && i < result.count; i++) {
		const Solvable *s = pool_id2solvable(pool, result.elements[i]);
		const struct sizes_entry *e = known_of(d, result.elements[i]);

		stock_add(out, pool_id2str(pool, s->name),
		    pool_id2str(pool, s->evr), e ? e->installed : 0);
	}
	queue_free(&job);
	queue_free(&result);
	return r;
}

int
debs_check(struct debs *d, const struct lock_package *want, struct err *err)
{
	Pool *pool = d->pool;
	Id name = pool_str2id(pool, want->name, 0);
	Id version = pool_str2id(pool, want->version, 0);
	Id id;

	/* Also versions that are not the highest: no FOR_PROVIDES. */
	FOR_POOL_SOLVABLES(id)
	{
		const Solvable *s = pool_id2solvable(pool, id);
		struct lock_package have;
		bool same;

		if (name == 0 || s->name != name || s->evr != version ||
		    strcmp(s->repo->name, want->suite) != 0)
			continue;
		if (describe(d, id, &have, err) == -1)
			return -1;
		same = strcmp(have.arch, want->arch) == 0 &&
		       strcmp(have.path, want->path) == 0 &&
		       have.size == want->size &&
		       hash_equal(&have.sha256, &want->sha256);
		lock_package_release(&have);
		if (same)
			return 0;
	}
	return err_set(err, ERR_TRUST,
	    "suite %s does not list package %s %s with the locked file",
	    want->suite, want->name, want->version);
}

int
debs_version_compare(struct debs *d, const char *a, const char *b)
{
	return pool_evrcmp_str(d->pool, a, b, EVRCMP_COMPARE);
}
