#include "builder/inputs/index.h"

#include <stdlib.h>
#include <string.h>

#include "builder/inputs/index_proto.h"
#include "lib/cli.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

/* More than a request may take in the worker. */
#define TIMEOUT_MS 300000
/* A closure or list of names that is longer comes from no archive. */
#define ANSWERS_MAX 100000

void
release_release(struct release *r)
{
	for (size_t i = 0; i < r->nfiles; i++)
		free(r->files[i].path);
	free(r->files);
	free(r->codename);
	*r = (struct release){ 0 };
}

const struct index_file *
release_file(const struct release *r, const char *path)
{
	for (size_t i = 0; i < r->nfiles; i++)
		if (strcmp(r->files[i].path, path) == 0)
			return &r->files[i];
	return NULL;
}

static int
put_names(struct buf *b, const char *const *names, size_t n, struct err *err)
{
	if (n > INDEX_NAMES)
		return err_set(err, ERR_INPUT,
		    "%zu names are too many: at most %d", n, INDEX_NAMES);
	ipc_add_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		ipc_add_str(b, names[i]);
	return 0;
}

static int
unexpected(uint32_t type, struct err *err)
{
	return err_set(
	    err, ERR_INPUT, "index worker: message %u is unexpected", type);
}

/* Takes one message of an answer: what it may be, and where it goes. */
typedef int take_fn(struct ipc_msg *, void *arg, struct err *);

/* All of the answer to what was asked last. */
static int
answer(struct worker *w, take_fn *take, void *arg, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;

	for (;;) {
		if (worker_recv(w, TIMEOUT_MS, &m, err) == -1)
			return -1;
		if (m.type == INDEX_DONE)
			return ipc_end(&m, err);
		if (take(&m, arg, err) == -1)
			return -1;
	}
}

static int
get_release(struct ipc_msg *m, struct release *r, struct err *err)
{
	uint32_t by_hash;

	if (r->codename)
		return unexpected(m->type, err);
	if (ipc_get_str(m, INDEX_NAME, &r->codename, err) == -1 ||
	    ipc_get_i64(m, &r->date, err) == -1 ||
	    ipc_get_i64(m, &r->valid_until, err) == -1 ||
	    ipc_get_u32(m, &by_hash, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	r->by_hash = by_hash != 0;
	return 0;
}

static int
get_file(struct ipc_msg *m, struct release *r, struct err *err)
{
	struct index_file *f;

	if (r->nfiles == INDEX_NAMES)
		return unexpected(m->type, err);
	r->files = mem_resize(r->files, r->nfiles + 1, sizeof(*r->files));
	f = &r->files[r->nfiles];
	*f = (struct index_file){ 0 };
	r->nfiles++;
	if (ipc_get_str(m, INDEX_PATH, &f->path, err) == -1)
		f->path = mem_str("");
	if (ipc_get_hash(m, &f->sha256, err) == -1 ||
	    ipc_get_i64(m, &f->size, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	if (f->size < 0)
		return err_set(err, ERR_INPUT, "index worker: a negative size");
	return 0;
}

static int
take_release(struct ipc_msg *m, void *arg, struct err *err)
{
	return m->type == INDEX_IS_RELEASE ? get_release(m, arg, err)
	       : m->type == INDEX_IS_FILE  ? get_file(m, arg, err)
					   : unexpected(m->type, err);
}

int
index_release(struct worker *w, int text, const char *const *paths, size_t n,
    struct release *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	auto_release struct release r = { 0 };

	worker_begin(w, &b);
	if (put_names(&b, paths, n, err) == -1 ||
	    worker_send(w, INDEX_RELEASE, &b, &text, 1, err) == -1)
		return -1;
	if (answer(w, take_release, &r, err) == -1)
		return -1;
	if (!r.codename)
		return unexpected(INDEX_DONE, err);
	*out = r;
	r = (struct release){ 0 };
	return 0;
}

/* Where nothing but the end is an answer. */
static int
take_nothing(struct ipc_msg *m, void *arg, struct err *err)
{
	(void)arg;
	return unexpected(m->type, err);
}

static int
finish(struct worker *w, struct err *err)
{
	return answer(w, take_nothing, NULL, err);
}

int
index_open(struct worker *w, const struct index_suite *suites, size_t n,
    struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	uint32_t id;

	worker_begin(w, &b);
	id = w->last;
	ipc_add_u32(&b, (uint32_t)n);
	if (worker_send(w, INDEX_OPEN, &b, NULL, 0, err) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct index_suite *s = &suites[i];
		int fds[2] = { s->packages_fd, s->sources_fd };

		buf_clear(&b);
		ipc_add_u32(&b, id);
		ipc_add_str(&b, s->name);
		ipc_add_str(&b, s->arch);
		ipc_add_hash(&b, &s->packages);
		ipc_add_u32(&b, s->sources_fd != -1);
		ipc_add_hash(&b, &s->sources);
		if (worker_send(w, INDEX_SUITE, &b, fds,
			s->sources_fd != -1 ? 2 : 1, err) == -1)
			return -1;
	}
	return finish(w, err);
}

static int
take_names(struct ipc_msg *m, void *arg, struct err *err)
{
	struct lock_names *names = arg;
	uint32_t n;

	if (m->type != INDEX_IS_NAME)
		return unexpected(m->type, err);
	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	while (n-- > 0) {
		auto_free char *s = NULL;

		if (ipc_get_str(m, INDEX_NAME, &s, err) == -1)
			return -1;
		if (names->n >= ANSWERS_MAX)
			return unexpected(m->type, err);
		/* File names and what else could be a dependency's name are
		 * nothing that a suite can change. */
		if (name_ok(s))
			lock_names_add(names, s);
	}
	return ipc_end(m, err);
}

static int
get_package(struct ipc_msg *m, struct lock_packages *out, struct err *err)
{
	if (out->n >= ANSWERS_MAX)
		return unexpected(m->type, err);
	MEM_GROW(out->v, out->n, out->cap);
	if (index_get_package(m, &out->v[out->n], err) == -1)
		return -1;
	out->n++;
	return 0;
}

struct solved {
	struct lock_packages *packages;
	struct lock_names *consulted;
};

static int
take_solved(struct ipc_msg *m, void *arg, struct err *err)
{
	struct solved *to = arg;

	return m->type == INDEX_IS_PACKAGE ? get_package(m, to->packages, err)
					   : take_names(m, to->consulted, err);
}

int
index_solve(struct worker *w, const char *arch, const char *const *names,
    size_t n, struct lock_packages *out, struct lock_names *consulted,
    struct err *err)
{
	struct solved to = { out, consulted };
	auto_buf struct buf b = BUF_INIT;

	worker_begin(w, &b);
	ipc_add_str(&b, arch);
	if (put_names(&b, names, n, err) == -1 ||
	    worker_send(w, INDEX_SOLVE, &b, NULL, 0, err) == -1)
		return -1;
	return answer(w, take_solved, &to, err);
}

static int
take_stock(struct ipc_msg *m, void *arg, struct err *err)
{
	struct stock *out = arg;
	auto_free char *name = NULL, *version = NULL;
	int64_t bytes;

	if (m->type != INDEX_IS_STOCK || out->n >= ANSWERS_MAX)
		return unexpected(m->type, err);
	if (ipc_get_str(m, INDEX_NAME, &name, err) == -1 ||
	    ipc_get_str(m, INDEX_NAME, &version, err) == -1 ||
	    ipc_get_i64(m, &bytes, err) == -1 || ipc_end(m, err) == -1)
		return -1;
	/* They become lines of words. */
	if (!name_ok(name) || version[strcspn(version, " \n")] || bytes < 0)
		return err_set(err, ERR_INPUT,
		    "the index lists a package with a name or version that is "
		    "not allowed");
	stock_add(out, name, version, bytes);
	return 0;
}

int
index_stock(struct worker *w, const char *arch, const char *const *names,
    size_t n, struct stock *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	worker_begin(w, &b);
	ipc_add_str(&b, arch);
	if (put_names(&b, names, n, err) == -1 ||
	    worker_send(w, INDEX_STOCK, &b, NULL, 0, err) == -1)
		return -1;
	return answer(w, take_stock, out, err);
}

int
index_facts(struct worker *w, int index, int out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	int fds[2] = { index, out };

	worker_begin(w, &b);
	if (worker_send(w, INDEX_FACTS, &b, fds, 2, err) == -1)
		return -1;
	return finish(w, err);
}

int
index_diff(struct worker *w, int old, int now, struct lock_names *names,
    struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	int fds[2];
	size_t n = 0;

	worker_begin(w, &b);
	ipc_add_u32(&b, old != -1);
	ipc_add_u32(&b, now != -1);
	if (old != -1)
		fds[n++] = old;
	if (now != -1)
		fds[n++] = now;
	if (worker_send(w, INDEX_DIFF, &b, fds, n, err) == -1)
		return -1;
	return answer(w, take_names, names, err);
}

static int
take_source(struct ipc_msg *m, void *arg, struct err *err)
{
	struct lock_sources *out = arg;

	if (m->type != INDEX_IS_SOURCE || out->n >= ANSWERS_MAX)
		return unexpected(m->type, err);
	MEM_GROW(out->v, out->n, out->cap);
	if (index_get_source(m, &out->v[out->n], err) == -1)
		return -1;
	out->n++;
	return 0;
}

int
index_sources(struct worker *w, const char *const *names, size_t n,
    struct lock_sources *out, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	worker_begin(w, &b);
	if (put_names(&b, names, n, err) == -1 ||
	    worker_send(w, INDEX_SOURCES, &b, NULL, 0, err) == -1)
		return -1;
	return answer(w, take_source, out, err);
}

int
index_check_package(
    struct worker *w, const struct lock_package *p, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	worker_begin(w, &b);
	index_put_package(&b, p);
	if (worker_send(w, INDEX_CHECK_PACKAGE, &b, NULL, 0, err) == -1)
		return -1;
	return finish(w, err);
}

int
index_check_source(
    struct worker *w, const struct lock_source *s, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	worker_begin(w, &b);
	index_put_source(&b, s);
	if (worker_send(w, INDEX_CHECK_SOURCE, &b, NULL, 0, err) == -1)
		return -1;
	return finish(w, err);
}
