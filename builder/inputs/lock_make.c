#include "builder/inputs/lock_make.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/index.h"
#include "builder/inputs/lock_closure.h"
#include "builder/inputs/lock_keep.h"
#include "builder/progress.h"
#include "lib/canon.h"
#include "lib/json.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

static void
add_all(struct lock_names *l, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lock_names_add(l, v[i]);
}

static json_t *
names_json(const struct lock_names *l)
{
	json_t *a = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(a, json_string(l->v[i]));
	return a;
}

/* Only where there are any, so that other requests stay what they were. */
static void
add_upstream(json_t *j, const struct lock_request *rq)
{
	json_t *git = json_array(), *files = json_array();

	for (size_t i = 0; i < rq->ngit; i++) {
		json_t *o = json_object();

		js_set_str(o, "name", rq->git[i].name);
		js_set_str(o, "url", rq->git[i].url);
		js_set_str(o, "ref", rq->git[i].ref);
		json_array_append_new(git, o);
	}
	for (size_t i = 0; i < rq->nfiles; i++) {
		json_t *o = json_object();

		js_set_str(o, "file", rq->files[i].file);
		js_set_hash(o, "sha256", &rq->files[i].sha256);
		json_array_append_new(files, o);
	}
	if (rq->ngit)
		js_set(j, "git", git);
	else
		json_decref(git);
	if (rq->nfiles)
		js_set(j, "files", files);
	else
		json_decref(files);
}

static int
request_digest(const struct lock_request *rq, struct hash *out, struct err *err)
{
	struct lock_names build = { 0 }, image = { 0 }, sources = { 0 },
			  suites = { 0 };
	auto_json json_t *j = js_record_new("kiln/lock-request", 2);

	lock_roots(rq->build, rq->nbuild, &build);
	lock_roots(rq->image, rq->nimage, &image);
	add_all(&sources, rq->sources, rq->nsources);
	lock_names_sort(&sources);
	add_all(&suites, rq->suites, rq->nsuites); /* their order counts */
	js_set_str(j, "recipe", rq->recipe);
	js_set_str(j, "arch", rq->arch);
	if (rq->on)
		js_set_str(j, "on", rq->on);
	js_set(j, "suites", names_json(&suites));
	js_set(j, "build", names_json(&build));
	js_set(j, "image", names_json(&image));
	js_set(j, "sources", names_json(&sources));
	add_upstream(j, rq);
	lock_names_release(&build);
	lock_names_release(&image);
	lock_names_release(&sources);
	lock_names_release(&suites);
	return canon_hash(j, out, err);
}

struct making {
	struct deb_archive *a;
	const struct lock_request *rq;
	/* The machine's; behind them the same of the architecture that is
	 * built for, if that is another. */
	struct archive_suite suites[ARCHIVE_SUITES];
	size_t nsuites;
	struct lock_set set;
	struct lock lock;
};

static int
load_suites(struct making *m, struct err *err)
{
	const struct lock_request *rq = m->rq;

	size_t most = rq->on ? ARCHIVE_SUITES / 2 : ARCHIVE_SUITES;

	if (rq->nsuites == 0 || rq->nsuites > most)
		return err_set(err, ERR_INPUT, "%zu suites, not 1 to %zu",
		    rq->nsuites, most);
	for (size_t i = 0; i < rq->nsuites * (rq->on ? 2 : 1); i++) {
		if (archive_suite_load(m->a, rq->suites[i % rq->nsuites],
			i < rq->nsuites ? lock_machine(rq) : rq->arch,
			&m->suites[i], err) == -1)
			return -1;
		m->nsuites++;
	}
	lock_set_of(m->suites, m->nsuites, lock_machine(rq), &m->set);
	return 0;
}

static int
solve(struct making *m, struct err *err)
{
	const struct lock_request *rq = m->rq;
	struct worker *w = &m->a->workers->index;
	struct lock *l = &m->lock;

	m->a->solved++;
	if (lock_set_open(
		m->a, lock_machine(rq), &m->set, rq->nsources > 0, err) == -1 ||
	    lock_closure(w, rq, rq->build, rq->nbuild, &l->build, &l->consulted,
		err) == -1 ||
	    lock_closure(w, rq, rq->image, rq->nimage, &l->image, &l->consulted,
		err) == -1)
		return -1;
	if (rq->nsources == 0)
		return 0;
	return index_sources(
	    &m->a->workers->index, rq->sources, rq->nsources, &l->sources, err);
}

static void
add_index(struct lock_suite *to, const struct archive_suite *s, size_t which)
{
	to->indexes[to->nindexes++] = (struct lock_index){
		.path = mem_str(s->paths[which]),
		.sha256 = s->indexes[which],
	};
}

static void
add_proof(struct making *m)
{
	struct lock *l = &m->lock;

	l->recipe = mem_str(m->rq->recipe);
	l->arch = mem_str(m->rq->arch);
	l->suites = mem_zero(m->rq->nsuites, sizeof(*l->suites));
	for (size_t i = 0; i < m->rq->nsuites; i++) {
		const struct archive_suite *s = &m->suites[i];
		struct lock_suite *to = &l->suites[l->nsuites++];

		to->name = mem_str(s->name);
		to->inrelease = s->inrelease;
		to->indexes =
		    mem_zero(ARCHIVE_INDEXES + 1, sizeof(*to->indexes));
		for (size_t k = 0; k < ARCHIVE_INDEXES; k++)
			add_index(to, s, k);
		if (m->rq->on)
			add_index(to, &m->suites[m->rq->nsuites + i],
			    ARCHIVE_PACKAGES);
	}
}

/* What builder/policy/assemble.sh runs, and lane B: no service. */
static const char *const assembling[] = { "coreutils", "dash", "erofs-utils",
	"libfaketime" };

bool
lock_assembles(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(assembling); i++)
		if (strcmp(assembling[i], name) == 0)
			return true;
	return false;
}

/* What the image is compared with: the service on a whole Debian of the same
 * day.  The indexes are loaded still. */
static int
add_stock(struct making *m, const struct hash *lock, struct err *err)
{
	const struct lock_request *rq = m->rq;
	struct lock_names names = { 0 };
	auto_stock struct stock stock = { 0 };
	struct err impossible = ERR_INIT;
	bool known;
	int r = 0;

	if (rq->nimage == 0)
		return 0;
	if (stock_known(m->a->db, lock, &known, err) == -1)
		return -1;
	if (known)
		return 0;
	add_all(&names, rq->sources, rq->nsources);
	for (size_t i = 0; i < rq->nimage; i++)
		if (!lock_assembles(rq->image[i])) {
			auto_free char *plain = mem_strn(
			    rq->image[i], lock_package_plain(rq->image[i]));

			lock_names_add(&names, plain);
		}
	/* An archive that gives no whole Debian is good enough for a lock. */
	if (index_stock(&m->a->workers->index, rq->arch,
		(const char *const *)names.v, names.n, &stock,
		&impossible) == 0)
		r = stock_keep(m->a->db, lock, &stock, err);
	else if (impossible.cls != ERR_INPUT) {
		*err = impossible;
		r = -1;
	}
	lock_names_release(&names);
	return r;
}

struct fetching {
	struct making *m;
	struct progress progress;
	int64_t done, total; /* bytes of whole files; of all of them */
};

static void
show_progress(void *arg, int64_t done, int64_t total KILN_UNUSED)
{
	struct fetching *f = arg;

	progress_set(&f->progress, f->done + done, f->total);
}

/* The suite that lists a file, by the file's path and digest. */
static const struct archive_suite *
suite_of(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->nsuites; i++)
		if (strcmp(m->suites[i].name, name) == 0)
			return &m->suites[i];
	return NULL;
}

static int
fetch_one(struct fetching *f, const char *suite, const char *path,
    const struct hash *h, int64_t size, struct err *err)
{
	const struct archive_suite *s = suite_of(f->m, suite);
	struct archive_file file = {
		.path = path,
		.sha256 = h,
		.size = size,
		.progress = show_progress,
		.arg = f,
	};

	if (store_has(f->m->a->store, h))
		return 0;
	if (!s)
		return err_set(err, ERR_INPUT,
		    "the index names a suite %s that was not asked for", suite);
	if (archive_fetch(f->m->a, s, &file, err) == -1)
		return -1;
	f->done += size;
	progress_set(&f->progress, f->done, f->total);
	return 0;
}

/* Calls fetch_one for what is missing, or only adds up its size. */
static int
fetch_walk(struct fetching *f, bool count, struct err *err)
{
	const struct lock *l = &f->m->lock;
	const struct lock_packages *lists[] = { &l->build, &l->image };
	struct store *st = f->m->a->store;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < lists[i]->n; k++) {
			const struct lock_package *p = &lists[i]->v[k];

			if (count && !store_has(st, &p->sha256) &&
			    (i == 0 || !lock_package_find(&l->build, p->name)))
				f->total += p->size;
			if (!count && fetch_one(f, p->suite, p->path,
					  &p->sha256, p->size, err) == -1)
				return -1;
		}
	for (size_t i = 0; i < l->sources.n; i++) {
		const struct lock_source *s = &l->sources.v[i];

		if (count && !store_has(st, &s->sha256))
			f->total += s->size;
		if (!count && fetch_one(f, s->suite, s->path, &s->sha256,
				  s->size, err) == -1)
			return -1;
	}
	return 0;
}

/* Where refs stand now; their trees may still have to be exported. */
static int
pin_upstream(struct making *m, struct err *err)
{
	const struct lock_request *rq = m->rq;
	struct lock_gits *l = &m->lock.git;

	for (size_t i = 0; i < rq->ngit; i++) {
		MEM_GROW(l->v, l->n, l->cap);
		if (upstream_pin(m->a, &rq->git[i], &l->v[l->n], err) == -1)
			return -1;
		l->n++;
	}
	return 0;
}

static int
fetch_upstream(struct making *m, struct err *err)
{
	const struct lock_request *rq = m->rq;
	struct lock_files *l = &m->lock.files;

	for (size_t i = 0; i < m->lock.git.n; i++)
		if (upstream_export(m->a, &m->lock.git.v[i], err) == -1)
			return -1;
	for (size_t i = 0; i < rq->nfiles; i++) {
		MEM_GROW(l->v, l->n, l->cap);
		if (upstream_fetch(m->a, &rq->files[i], &l->v[l->n], err) == -1)
			return -1;
		l->n++;
	}
	return 0;
}

static int
fetch_missing(struct making *m, struct err *err)
{
	struct fetching f = { .m = m };
	int r;

	if (fetch_upstream(m, err) == -1 || fetch_walk(&f, true, err) == -1)
		return -1;
	if (f.total == 0)
		return 0;
	progress_begin(
	    &f.progress, m->a->db, "fetch", m->rq->recipe, "B", f.total);
	r = fetch_walk(&f, false, err);
	progress_end(&f.progress);
	return r;
}

static bool
same_packages(const struct lock_packages *a, const struct lock_packages *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    !hash_equal(&a->v[i].sha256, &b->v[i].sha256))
			return false;
	return true;
}

static bool
same_sources(const struct lock_sources *a, const struct lock_sources *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].file, b->v[i].file) != 0 ||
		    !hash_equal(&a->v[i].sha256, &b->v[i].sha256))
			return false;
	return true;
}

/* By commit; files are part of the request. */
static bool
same_git(const struct lock_gits *a, const struct lock_gits *now)
{
	if (a->n != now->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct lock_git *found = NULL;

		for (size_t k = 0; k < now->n; k++)
			if (strcmp(a->v[i].file, now->v[k].file) == 0)
				found = &now->v[k];
		if (!found || strcmp(a->v[i].commit, found->commit) != 0)
			return false;
	}
	return true;
}

/* The newest lock of the request, if it says the same: 1. */
static int
same_as_before(struct making *m, const struct hash *request,
    struct hash *digest, struct err *err)
{
	static const char sql[] = "SELECT digest FROM lock WHERE recipe = ?1"
				  " AND request = ?2 ORDER BY made_at DESC,"
				  " rowid DESC LIMIT 1";
	auto_stmt struct stmt *q = db_stmt(m->a->db, sql);
	struct err unreadable = ERR_INIT;
	auto_lock struct lock *old = NULL;
	struct hash h;
	int r;

	stmt_bind_str(q, 1, m->rq->recipe);
	stmt_bind_hash(q, 2, request);
	r = stmt_step(q, err);
	if (r != 1 || !stmt_hash(q, 0, &h))
		return r == -1 ? -1 : 0;
	old = lock_load(m->a->store, &h, &unreadable);
	if (!old || lock_complete(m->a->store, old, &unreadable) == -1 ||
	    !same_packages(&old->build, &m->lock.build) ||
	    !same_packages(&old->image, &m->lock.image) ||
	    !same_sources(&old->sources, &m->lock.sources) ||
	    !same_git(&old->git, &m->lock.git))
		return 0;
	*digest = h;
	return 1;
}

/* The lock that follows from the archive as it is. */
static int
make_anew(struct making *m, const struct hash *request, int64_t event,
    struct hash *digest, struct err *err)
{
	struct deb_archive *a = m->a;
	int r;

	if (solve(m, err) == -1 || fetch_missing(m, err) == -1)
		return -1;
	add_proof(m);
	/* Sorts, too, which the comparison needs. */
	if (lock_store(a->store, &m->lock, err) == -1)
		return -1;
	r = same_as_before(m, request, digest, err);
	if (r != 0)
		return r == 1 ? add_stock(m, digest, err) : -1;
	if (lock_complete(a->store, &m->lock, err) == -1 ||
	    lock_row_add(a->db, &m->lock, "archive", request, event, err) == -1)
		return -1;
	*digest = m->lock.digest;
	return add_stock(m, digest, err);
}

/* The archive has not changed for it; have its repositories? */
static bool
holds_git(const struct making *m, const struct hash *lock)
{
	struct err unreadable = ERR_INIT;
	auto_lock struct lock *l = lock_load(m->a->store, lock, &unreadable);

	return l && same_git(&l->git, &m->lock.git);
}

static int
make(struct making *m, const struct hash *request, int64_t event,
    struct hash *digest, struct err *err)
{
	int r;

	if (load_suites(m, err) == -1 || pin_upstream(m, err) == -1)
		return -1;
	r = lock_keep(m->a, m->rq, request, &m->set, digest, err);
	if (r == 1 && m->lock.git.n && !holds_git(m, digest)) {
		m->a->kept--;
		r = 0;
	}
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (make_anew(m, request, event, digest, err) == -1)
		return -1;
	lock_set_facts(m->a, &m->set, m->rq->nsources > 0);
	return lock_kept(m->a, digest, &m->set, &m->lock.consulted,
	    m->rq->sources, m->rq->nsources, err);
}

int
lock_make(struct deb_archive *a, const struct lock_request *rq, int64_t event,
    struct hash *digest, struct err *err)
{
	struct making m = { .a = a, .rq = rq };
	struct hash request;
	int r = lock_row_imported(a, rq, digest, err);

	if (r == 0 && request_digest(rq, &request, err) == -1)
		r = -1;
	if (r == 0)
		r = make(&m, &request, event, digest, err);
	for (size_t i = 0; i < m.nsuites; i++)
		archive_suite_release(&m.suites[i]);
	lock_release(&m.lock);
	return r == -1 ? err_prefix(err, "recipe %s", rq->recipe) : 0;
}
