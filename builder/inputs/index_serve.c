/* The index worker's side: one request after the other, from descriptors. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "builder/inputs/deb822.h"
#include "builder/inputs/debs.h"
#include "builder/inputs/dscs.h"
#include "builder/inputs/index_proto.h"
#include "builder/inputs/worker.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

/* What is read within this many seconds is read; the rest is an attack. */
#define REQUEST_SECONDS 240
#define SUITES_MAX 32

struct loaded {
	char *name;
	struct hash packages, sources;
	bool has_sources;
};

struct serving {
	int sock;
	uint32_t id;
	struct debs *debs; /* NULL: nothing is loaded */
	struct dscs *dscs; /* NULL: without sources */
	char *arch;
	struct loaded suites[SUITES_MAX];
	size_t nsuites;
};

static int
answer(const struct serving *sv, uint32_t type, const struct buf *fields,
    struct err *err)
{
	return ipc_send(sv->sock, type, fields, NULL, 0, err);
}

static int
done(const struct serving *sv, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;

	ipc_add_u32(&b, sv->id);
	return answer(sv, INDEX_DONE, &b, err);
}

static int
get_names(struct ipc_msg *m, struct lock_names *names, struct err *err)
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

/* "Sat, 11 Jul 2026 10:16:37 UTC", as RFC 5322 with a zone of UTC. */
static int
parse_date(struct span text, int64_t *out)
{
	auto_free char *s = deb822_dup(text);
	struct tm tm = { 0 };
	const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S", &tm);

	if (!end || (strcmp(end, " UTC") != 0 && strcmp(end, " GMT") != 0 &&
			strcmp(end, " +0000") != 0))
		return -1;
	*out = timegm(&tm);
	return 0;
}

struct reading { /* a Release file */
	struct deb822 in;
	const struct lock_names *paths;
	const struct serving *sv;
	char *codename;
	int64_t date, valid_until;
	bool by_hash, has_date;
	struct buf files[16]; /* INDEX_IS_FILE messages, kept back */
	size_t nfiles;
};

static int
release_field(struct reading *r, struct err *err)
{
	struct deb822 *in = &r->in;

	if (span_is(in->name, "Codename") && !r->codename) {
		r->codename = deb822_dup(in->value);
	} else if (span_is(in->name, "Acquire-By-Hash")) {
		r->by_hash = span_is(in->value, "yes");
	} else if (span_is(in->name, "Date")) {
		if (parse_date(in->value, &r->date) == -1)
			return err_set(err, ERR_INPUT,
			    "%s: Date is not a date in UTC", in->what);
		r->has_date = true;
	} else if (span_is(in->name, "Valid-Until")) {
		if (parse_date(in->value, &r->valid_until) == -1)
			return err_set(err, ERR_INPUT,
			    "%s: Valid-Until is not a date in UTC", in->what);
	}
	return 0;
}

/* " HEX64 SIZE PATH" below SHA256. */
static int
release_sum(struct reading *r, struct err *err)
{
	struct span w[3];
	struct hash h;
	int64_t size;

	if (deb822_words(r->in.value, w, 3) != 3)
		return err_set(err, ERR_INPUT,
		    "%s: line %zu: not a checksum, size and path", r->in.what,
		    r->in.number);
	for (size_t i = 0; i < r->paths->n; i++) {
		auto_free char *hex = NULL, *digits = NULL;
		struct buf *b;

		if (!span_is(w[2], r->paths->v[i]))
			continue;
		hex = deb822_dup(w[0]);
		digits = deb822_dup(w[1]);
		if (!hash_parse(&h, hex) ||
		    num_int(digits, 0, INT64_MAX, &size, err) == -1 ||
		    r->nfiles == ARRAY_LEN(r->files))
			return err_set(err, ERR_INPUT,
			    "%s: line %zu: bad or repeated entry of %s",
			    r->in.what, r->in.number, r->paths->v[i]);
		b = &r->files[r->nfiles++];
		buf_init(b);
		ipc_add_u32(b, r->sv->id);
		ipc_add_str(b, r->paths->v[i]);
		ipc_add_hash(b, &h);
		ipc_add_i64(b, size);
	}
	return 0;
}

static int
read_release(struct reading *r, struct err *err)
{
	auto_buf struct buf b = BUF_INIT;
	bool sums = false, over = false;
	int more;

	while ((more = deb822_next(&r->in, err)) == 1 && !over) {
		if (r->in.kind == DEB822_END)
			over = true;
		else if (r->in.kind == DEB822_MORE) {
			if (sums && release_sum(r, err) == -1)
				return -1;
		} else {
			sums = span_is(r->in.name, "SHA256");
			if (release_field(r, err) == -1)
				return -1;
		}
	}
	if (more == -1)
		return -1;
	if (!r->codename || !r->has_date)
		return err_set(err, ERR_INPUT, "%s has no Codename or no Date",
		    r->in.what);
	ipc_add_u32(&b, r->sv->id);
	ipc_add_str(&b, r->codename);
	ipc_add_i64(&b, r->date);
	ipc_add_i64(&b, r->valid_until);
	ipc_add_u32(&b, r->by_hash);
	if (answer(r->sv, INDEX_IS_RELEASE, &b, err) == -1)
		return -1;
	for (size_t i = 0; i < r->nfiles; i++)
		if (answer(r->sv, INDEX_IS_FILE, &r->files[i], err) == -1)
			return -1;
	return done(r->sv, err);
}

static int
serve_release(const struct serving *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names paths = { 0 };
	struct reading r = { .sv = sv, .paths = &paths, .valid_until = -1 };
	FILE *f = NULL;
	int ret = -1;

	if (get_names(m, &paths, err) == -1)
		goto out;
	if (m->fds[0] == -1 || lseek(m->fds[0], 0, SEEK_SET) == -1 ||
	    !(f = fdopen(m->fds[0], "r"))) {
		err_set(err, ERR_INPUT, "no Release file was handed over");
		goto out;
	}
	m->fds[0] = -1; /* f's */
	deb822_init(&r.in, f, "Release");
	ret = read_release(&r, err);
	deb822_release(&r.in);
out:
	if (f)
		fclose(f);
	for (size_t i = 0; i < r.nfiles; i++)
		buf_release(&r.files[i]);
	free(r.codename);
	lock_names_release(&paths);
	return ret;
}

static void
unload(struct serving *sv)
{
	debs_drop(sv->debs);
	dscs_drop(sv->dscs);
	sv->debs = NULL;
	sv->dscs = NULL;
	for (size_t i = 0; i < sv->nsuites; i++)
		free(sv->suites[i].name);
	sv->nsuites = 0;
	free(sv->arch);
	sv->arch = NULL;
}

struct opening {
	char *arch;
	struct loaded suites[SUITES_MAX];
	int packages[SUITES_MAX], sources[SUITES_MAX];
	size_t n;
};

static int
receive_suite(struct serving *sv, struct opening *o, struct err *err)
{
	auto_ipc struct ipc_msg m = IPC_MSG_INIT;
	struct loaded *s = &o->suites[o->n];
	uint32_t id, has_sources;

	*s = (struct loaded){ 0 };
	if (ipc_recv(sv->sock, 10000, &m, err) != 1 ||
	    ipc_get_u32(&m, &id, err) == -1 || id != sv->id ||
	    m.type != INDEX_SUITE)
		exit(EXIT_FAILED); /* our parent is out of step */
	if (ipc_get_str(&m, INDEX_NAME, &s->name, err) == -1)
		return -1;
	o->packages[o->n] = take_fd(&m.fds[0]);
	o->sources[o->n] = take_fd(&m.fds[1]);
	o->n++;
	if (ipc_get_hash(&m, &s->packages, err) == -1 ||
	    ipc_get_u32(&m, &has_sources, err) == -1 ||
	    ipc_get_hash(&m, &s->sources, err) == -1 || ipc_end(&m, err) == -1)
		return -1;
	s->has_sources = has_sources != 0;
	return 0;
}

/* What is loaded serves, even when sources are loaded and not asked for. */
static bool
loaded_already(const struct serving *sv, const struct opening *o)
{
	if (!sv->debs || sv->nsuites != o->n || strcmp(sv->arch, o->arch) != 0)
		return false;
	for (size_t i = 0; i < o->n; i++) {
		const struct loaded *a = &sv->suites[i], *b = &o->suites[i];

		if (strcmp(a->name, b->name) != 0 ||
		    !hash_equal(&a->packages, &b->packages) ||
		    (b->has_sources &&
			(!a->has_sources ||
			    !hash_equal(&a->sources, &b->sources))))
			return false;
	}
	return true;
}

static int
load(struct serving *sv, struct opening *o, struct err *err)
{
	if (loaded_already(sv, o))
		return 0;
	unload(sv);
	sv->debs = debs_new(o->arch);
	sv->dscs = dscs_new();
	sv->arch = take_ptr(&o->arch);
	for (size_t i = 0; i < o->n; i++) {
		struct loaded *s = &o->suites[i];

		sv->suites[sv->nsuites] = *s;
		s->name = NULL;
		s = &sv->suites[sv->nsuites++];
		if (debs_add_suite(sv->debs, s->name, o->packages[i], err) ==
			-1 ||
		    (s->has_sources && dscs_add_suite(sv->dscs, s->name,
					   o->sources[i], err) == -1))
			return -1;
	}
	debs_ready(sv->debs);
	dscs_ready(sv->dscs);
	return 0;
}

static int
serve_open(struct serving *sv, struct ipc_msg *m, struct err *err)
{
	struct opening o = { 0 };
	uint32_t n;
	int r = -1;

	if (ipc_get_str(m, INDEX_NAME, &o.arch, err) == -1 ||
	    ipc_get_u32(m, &n, err) == -1 || ipc_end(m, err) == -1)
		goto out;
	if (n == 0 || n > SUITES_MAX) {
		err_set(
		    err, ERR_INPUT, "%u suites, not 1 to %d", n, SUITES_MAX);
		goto out;
	}
	for (r = 0; r == 0 && o.n < n;)
		r = receive_suite(sv, &o, err);
	if (r == 0 && (r = load(sv, &o, err)) == -1)
		unload(sv);
	if (r == 0)
		r = done(sv, err);
out:
	for (size_t i = 0; i < o.n; i++) {
		if (o.packages[i] != -1)
			close(o.packages[i]);
		if (o.sources[i] != -1)
			close(o.sources[i]);
		free(o.suites[i].name);
	}
	free(o.arch);
	return r;
}

static int
send_names(const struct serving *sv, struct lock_names *names, struct err *err)
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
		if (answer(sv, INDEX_IS_NAME, &b, err) == -1)
			return -1;
	}
	return 0;
}

static int
solve(const struct serving *sv, const struct lock_names *names,
    struct lock_packages *out, struct lock_names *looked, struct err *err)
{
	if (debs_solve(sv->debs, (const char *const *)names->v, names->n, out,
		looked, err) == -1)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		auto_buf struct buf b = BUF_INIT;

		ipc_add_u32(&b, sv->id);
		index_put_package(&b, &out->v[i]);
		if (answer(sv, INDEX_IS_PACKAGE, &b, err) == -1)
			return -1;
	}
	if (send_names(sv, looked, err) == -1)
		return -1;
	return done(sv, err);
}

static int
serve_solve(const struct serving *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names names = { 0 }, looked = { 0 };
	struct lock_packages out = { 0 };
	int r = get_names(m, &names, err);

	if (r == 0)
		r = solve(sv, &names, &out, &looked, err);
	lock_packages_release(&out);
	lock_names_release(&looked);
	lock_names_release(&names);
	return r;
}

static int
serve_sources(const struct serving *sv, struct ipc_msg *m, struct err *err)
{
	struct lock_names names = { 0 };
	struct lock_sources out = { 0 };
	int r = get_names(m, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = dscs_files(sv->dscs, sv->debs, names.v[i], &out, err);
	for (size_t i = 0; r == 0 && i < out.n; i++) {
		auto_buf struct buf b = BUF_INIT;

		ipc_add_u32(&b, sv->id);
		index_put_source(&b, &out.v[i]);
		r = answer(sv, INDEX_IS_SOURCE, &b, err);
	}
	lock_sources_release(&out);
	lock_names_release(&names);
	return r == 0 ? done(sv, err) : -1;
}

static int
serve_check(const struct serving *sv, struct ipc_msg *m, struct err *err)
{
	int r = -1;

	if (m->type == INDEX_CHECK_PACKAGE) {
		struct lock_package p;

		if (index_get_package(m, &p, err) == 0) {
			r = debs_check(sv->debs, &p, err);
			lock_package_release(&p);
		}
	} else {
		struct lock_source s;

		if (index_get_source(m, &s, err) == 0) {
			r = dscs_check(sv->dscs, &s, err);
			lock_source_release(&s);
		}
	}
	return r == 0 ? done(sv, err) : -1;
}

static int
serve_one(struct serving *sv, struct ipc_msg *m, struct err *err)
{
	if (m->type == INDEX_RELEASE)
		return serve_release(sv, m, err);
	if (m->type == INDEX_OPEN)
		return serve_open(sv, m, err);
	if (!sv->debs)
		return err_set(err, ERR_MISSING, "no index is loaded");
	switch (m->type) {
	case INDEX_SOLVE:
		return serve_solve(sv, m, err);
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
	struct serving sv = { .sock = sock };

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
