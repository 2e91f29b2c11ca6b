/* The index worker's side: one request after the other, from descriptors. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/inputs/debs.h"
#include "builder/inputs/dscs.h"
#include "builder/inputs/facts.h"
#include "builder/inputs/index_proto.h"
#include "builder/inputs/index_work.h"
#include "builder/inputs/worker.h"
#include "lib/fdio.h"
#include "lib/mem.h"
#include "lib/own.h"

/* What is read within this many seconds is read; the rest is an attack. */
#define REQUEST_SECONDS 240

int
index_answer(const struct index_work *sv, uint32_t type,
    const struct buf *fields, struct err *err)
{
	return ipc_send(sv->sock, type, fields, NULL, 0, err);
}

int
index_done(const struct index_work *sv, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, sv->id);
	return index_answer(sv, INDEX_DONE, &b, err);
}

int
index_get_names(struct ipc_msg *m, struct lock_names *names, struct err *err)
{
	uint32_t n;

	if (ipc_get_u32(m, &n, err) == -1)
		return -1;
	if (n > INDEX_NAMES)
		return err_set(err, ERR_INPUT, "%u names in one request", n);
	for (uint32_t i = 0; i < n; i++) {
		auto_free char *s = NULL;

		if (ipc_get_str(m, INDEX_PATH, &s, err) == -1)
			return -1;
		lock_names_add(names, s);
	}
	return ipc_end(m, err);
}

static void
unload(struct index_work *sv)
{
	for (size_t i = 0; i < INDEX_ARCHES; i++) {
		debs_drop(sv->debs[i]);
		free(sv->arches[i]);
		sv->debs[i] = NULL;
		sv->arches[i] = NULL;
	}
	dscs_drop(sv->dscs);
	sv->dscs = NULL;
	for (size_t i = 0; i < sv->nsuites; i++) {
		free(sv->suites[i].name);
		free(sv->suites[i].arch);
	}
	sv->nsuites = 0;
}

struct opening {
	struct index_loaded suites[INDEX_SUITES];
	int packages[INDEX_SUITES], sources[INDEX_SUITES];
	size_t n;
};

static int
receive_suite(struct index_work *sv, struct opening *o, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct index_loaded *s = &o->suites[o->n];
	uint32_t id, has_sources;

	*s = (struct index_loaded){ 0 };
	if (ipc_recv(sv->sock, 10000, &m, err) != 1 ||
	    ipc_get_u32(&m, &id, err) == -1 || id != sv->id ||
	    m.type != INDEX_SUITE)
		exit(EXIT_FAILED); /* our parent is out of step */
	o->packages[o->n] = take_fd(&m.fds[0]);
	o->sources[o->n] = take_fd(&m.fds[1]);
	o->n++;
	if (ipc_get_str(&m, INDEX_NAME, &s->name, err) == -1 ||
	    ipc_get_str(&m, INDEX_NAME, &s->arch, err) == -1 ||
	    ipc_get_hash(&m, &s->packages, err) == -1 ||
	    ipc_get_u32(&m, &has_sources, err) == -1 ||
	    ipc_get_hash(&m, &s->sources, err) == -1 || ipc_end(&m, err) == -1)
		return -1;
	s->has_sources = has_sources != 0;
	return 0;
}

/* What is loaded serves, even when sources are loaded and not asked for. */
static bool
loaded_already(const struct index_work *sv, const struct opening *o)
{
	if (!sv->debs[0] || sv->nsuites != o->n)
		return false;
	for (size_t i = 0; i < o->n; i++) {
		const struct index_loaded *a = &sv->suites[i],
					  *b = &o->suites[i];

		if (strcmp(a->name, b->name) != 0 ||
		    strcmp(a->arch, b->arch) != 0 ||
		    !hash_equal(&a->packages, &b->packages) ||
		    (b->has_sources &&
			(!a->has_sources ||
			    !hash_equal(&a->sources, &b->sources))))
			return false;
	}
	return true;
}

/* The packages of an architecture, or NULL. */
static struct debs *
debs_of(const struct index_work *sv, const char *arch)
{
	for (size_t i = 0; i < INDEX_ARCHES && sv->arches[i]; i++)
		if (strcmp(sv->arches[i], arch) == 0)
			return sv->debs[i];
	return NULL;
}

static struct debs *
debs_for(struct index_work *sv, const char *arch, struct err *err)
{
	struct debs *d = debs_of(sv, arch);

	for (size_t i = 0; !d && i < INDEX_ARCHES; i++)
		if (!sv->arches[i]) {
			sv->arches[i] = mem_str(arch);
			d = sv->debs[i] = debs_new(arch);
		}
	if (!d)
		err_set(err, ERR_INPUT, "indexes of more than %d architectures",
		    INDEX_ARCHES);
	return d;
}

static int
load(struct index_work *sv, struct opening *o, struct err *err)
{
	if (loaded_already(sv, o))
		return 0;
	unload(sv);
	sv->dscs = dscs_new();
	for (size_t i = 0; i < o->n; i++) {
		struct index_loaded *s = &o->suites[i];
		struct debs *d;

		sv->suites[sv->nsuites] = *s;
		s->name = s->arch = NULL;
		s = &sv->suites[sv->nsuites++];
		d = debs_for(sv, s->arch, err);
		if (!d ||
		    debs_add_suite(d, s->name, o->packages[i], err) == -1 ||
		    (s->has_sources && dscs_add_suite(sv->dscs, s->name,
					   o->sources[i], err) == -1))
			return -1;
	}
	for (size_t i = 0; i < INDEX_ARCHES && sv->debs[i]; i++)
		debs_ready(sv->debs[i]);
	dscs_ready(sv->dscs);
	return 0;
}

static int
serve_open(struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	struct opening o = { 0 };
	uint32_t n;
	int r = -1;

	if (ipc_get_u32(m, &n, err) == -1 || ipc_end(m, err) == -1)
		goto out;
	if (n == 0 || n > INDEX_SUITES) {
		err_set(
		    err, ERR_INPUT, "%u suites, not 1 to %d", n, INDEX_SUITES);
		goto out;
	}
	for (r = 0; r == 0 && o.n < n;)
		r = receive_suite(sv, &o, err);
	if (r == 0 && (r = load(sv, &o, err)) == -1)
		unload(sv);
	if (r == 0)
		r = index_done(sv, err);
out:
	for (size_t i = 0; i < o.n; i++) {
		if (o.packages[i] != -1)
			close(o.packages[i]);
		if (o.sources[i] != -1)
			close(o.sources[i]);
		free(o.suites[i].name);
		free(o.suites[i].arch);
	}
	return r;
}

static int
send_names(const struct index_work *sv, uint32_t type, struct lock_names *names,
    struct err *err)
{
	lock_names_sort(names);
	for (size_t i = 0; i < names->n;) {
		auto_buf struct buf b = BUF_INIT, list = BUF_INIT;
		uint32_t n = 0;

		while (i < names->n && n < INDEX_NAMES && list.len < 16384) {
			ipc_add_str(&list, names->v[i++]);
			n++;
		}
		ipc_add_u32(&b, sv->id);
		ipc_add_u32(&b, n);
		buf_add(&b, list.data, list.len);
		if (index_answer(sv, type, &b, err) == -1)
			return -1;
	}
	return 0;
}

/* The architecture that a request is about: its packages. */
static struct debs *
asked_debs(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	auto_free char *arch = NULL;
	struct debs *d;

	if (ipc_get_str(m, INDEX_NAME, &arch, err) == -1)
		return NULL;
	d = debs_of(sv, arch);
	if (!d)
		err_set(err, ERR_MISSING, "no index of %s is loaded", arch);
	return d;
}

static int
solve(const struct index_work *sv, struct debs *debs,
    const struct lock_names *names, struct lock_packages *out,
    struct lock_names *looked, struct err *err)
{
	if (debs_solve(debs, (const char *const *)names->v, names->n, out,
		looked, err) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		auto_buf struct buf b = BUF_INIT;

		ipc_add_u32(&b, sv->id);
		index_put_package(&b, &out->v[i]);
		if (index_answer(sv, INDEX_IS_PACKAGE, &b, err) == -1)
			return -1;
	}
	if (send_names(sv, INDEX_IS_NAME, looked, err) == -1)
		return -1;
	return index_done(sv, err);
}

static int
serve_solve(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names names = { 0 }, looked = { 0 };
	struct lock_packages out = { 0 };
	struct debs *debs = asked_debs(sv, m, err);
	int r = debs ? index_get_names(m, &names, err) : -1;

	if (r == 0)
		r = solve(sv, debs, &names, &out, &looked, err);
	lock_packages_release(&out);
	lock_names_release(&looked);
	lock_names_release(&names);
	return r;
}

static int
serve_stock(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names names = { 0 };
	auto_stock struct stock out = { 0 };
	struct debs *debs = asked_debs(sv, m, err);
	int r = debs ? index_get_names(m, &names, err) : -1;

	if (r == 0)
		r = debs_stock(
		    debs, (const char *const *)names.v, names.n, &out, err);
	for (size_t i = 0; r == 0 && i < out.n; i++) {
		auto_buf struct buf b = BUF_INIT;

		ipc_add_u32(&b, sv->id);
		ipc_add_str(&b, out.v[i].name);
		ipc_add_str(&b, out.v[i].version);
		ipc_add_i64(&b, out.v[i].bytes);
		r = index_answer(sv, INDEX_IS_STOCK, &b, err);
	}
	lock_names_release(&names);
	return r == 0 ? index_done(sv, err) : -1;
}

static int
serve_sources(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names names = { 0 };
	struct lock_sources out = { 0 };
	int r = index_get_names(m, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = dscs_files(sv->dscs, sv->debs[0], names.v[i], &out, err);
	for (size_t i = 0; r == 0 && i < out.n; i++) {
		auto_buf struct buf b = BUF_INIT;

		ipc_add_u32(&b, sv->id);
		index_put_source(&b, &out.v[i]);
		r = index_answer(sv, INDEX_IS_SOURCE, &b, err);
	}
	lock_sources_release(&out);
	lock_names_release(&names);
	return r == 0 ? index_done(sv, err) : -1;
}

/* Each architecture's index lists what is of none. */
static int
check_package(
    const struct index_work *sv, const struct lock_package *p, struct err *err)
{
	struct debs *d = debs_of(sv, p->arch);
	int r = -1;

	if (d)
		return debs_check(d, p, err);
	for (size_t i = 0; r == -1 && i < INDEX_ARCHES && sv->debs[i]; i++) {
		err_clear(err);
		r = debs_check(sv->debs[i], p, err);
	}
	return r;
}

static int
serve_check(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	int r = -1;

	if (m->type == INDEX_CHECK_PACKAGE) {
		struct lock_package p;

		if (index_get_package(m, &p, err) == 0) {
			r = check_package(sv, &p, err);
			lock_package_release(&p);
		}
	} else {
		struct lock_source s;

		if (index_get_source(m, &s, err) == 0) {
			r = dscs_check(sv->dscs, &s, err);
			lock_source_release(&s);
		}
	}
	return r == 0 ? index_done(sv, err) : -1;
}

static int
serve_facts(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	auto_buf struct buf text = BUF_INIT;

	if (ipc_end(m, err) == -1 || facts_read(m->fds[0], &text, err) == -1 ||
	    fd_write_all(m->fds[1], text.data, text.len, err) == -1)
		return -1;
	return index_done(sv, err);
}

static int
read_facts(int fd, struct buf *b, struct span *lines, struct err *err)
{
	if (fd_read_all(fd, FACTS_MAX, b, err) == -1)
		return -1;
	return facts_lines(span_buf(b), lines, err);
}

static int
serve_diff(const struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
	struct span old = { NULL, 0 }, now = { NULL, 0 };
	struct lock_names names = { 0 };
	uint32_t has_old, has_now;
	int r;

	if (ipc_get_u32(m, &has_old, err) == -1 ||
	    ipc_get_u32(m, &has_now, err) == -1 || ipc_end(m, err) == -1 ||
	    (has_old && read_facts(m->fds[0], &a, &old, err) == -1) ||
	    (has_now &&
		read_facts(m->fds[has_old ? 1 : 0], &b, &now, err) == -1))
		return -1;
	facts_diff(old, now, &names);
	r = send_names(sv, INDEX_IS_NAME, &names, err);
	lock_names_release(&names);
	return r == 0 ? index_done(sv, err) : -1;
}

static int
serve_one(struct index_work *sv, struct ipc_msg *m, struct err *err)
{
	if (m->type == INDEX_RELEASE)
		return index_serve_release(sv, m, err);
	if (m->type == INDEX_OPEN)
		return serve_open(sv, m, err);
	if (m->type == INDEX_FACTS)
		return serve_facts(sv, m, err);
	if (m->type == INDEX_DIFF)
		return serve_diff(sv, m, err);
	if (!sv->debs[0])
		return err_set(err, ERR_MISSING, "no index is loaded");
	switch (m->type) {
	case INDEX_SOLVE:
		return serve_solve(sv, m, err);
	case INDEX_STOCK:
		return serve_stock(sv, m, err);
	case INDEX_SOURCES:
		return serve_sources(sv, m, err);
	case INDEX_CHECK_PACKAGE:
	case INDEX_CHECK_SOURCE:
		return serve_check(sv, m, err);
	default:
		return err_set(
		    err, ERR_INPUT, "message %u is unknown", m->type);
	}
}

int
index_serve(int sock)
{
	struct index_work sv = { .sock = sock };

	if (sodium_init() == -1) /* it picks what this processor does best */
		return EXIT_FAILED;
	for (;;) {
		auto_ipc struct ipc_msg m = IPC_MSG_INIT;
		struct err err = ERR_INIT;
		int r = ipc_recv(sock, -1, &m, &err);

		if (r == 0)
			break;
		if (r == -1 || ipc_get_u32(&m, &sv.id, &err) == -1)
			return EXIT_FAILED;
		if (m.type == INDEX_SUITE)
			continue; /* of an opening that a dead server began */
		alarm(REQUEST_SECONDS);
		if (serve_one(&sv, &m, &err) == -1)
			worker_fail(sv.id, &err);
		alarm(0);
	}
	unload(&sv);
	return EXIT_DONE;
}
