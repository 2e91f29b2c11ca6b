#include "builder/inputs/dscs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <solv/solv_xfopen.h>

#include "builder/inputs/deb822.h"
#include "lib/mem.h"
#include "lib/num.h"
#include "lib/own.h"

/* Debian has 35,000 source packages of 3 files each; some have hundreds. */
#define STANZAS_MAX 1000000
#define FILES_MAX 4096

struct dsc {
	char *name, *version, *directory;
	size_t suite, first, nfiles; /* in dscs->files */
};

struct dsc_file {
	char *name;
	struct hash sha256;
	int64_t size;
};

struct dscs {
	struct dsc *v;
	size_t n, cap;
	struct dsc_file *files;
	size_t nfiles, files_cap;
	char **suites;
	size_t nsuites, suites_cap;
	struct buf names; /* of the suites, for messages */
};

struct dscs *
dscs_new(void)
{
	struct dscs *t = mem_zero(1, sizeof(*t));

	buf_init(&t->names);
	return t;
}

static void
dsc_release(struct dsc *d)
{
	free(d->name);
	free(d->version);
	free(d->directory);
}

void
dscs_drop(struct dscs *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		dsc_release(&t->v[i]);
	for (size_t i = 0; i < t->nfiles; i++)
		free(t->files[i].name);
	for (size_t i = 0; i < t->nsuites; i++)
		free(t->suites[i]);
	free(t->v);
	free(t->files);
	free(t->suites);
	buf_release(&t->names);
	free(t);
}

/* " HEX64 SIZE NAME" of Checksums-Sha256. */
static int
add_file(struct dscs *t, struct deb822 *in, struct err *err)
{
	struct span w[3];
	struct dsc_file *f;
	auto_free char *hex = NULL, *size = NULL;

	if (deb822_words(in->value, w, 3) != 3)
		return err_set(err, ERR_INPUT,
		    "%s: line %zu: not a checksum, size and name", in->what,
		    in->number);
	MEM_GROW(t->files, t->nfiles, t->files_cap);
	f = &t->files[t->nfiles];
	hex = deb822_dup(w[0]);
	size = deb822_dup(w[1]);
	if (!hash_parse(&f->sha256, hex) ||
	    num_int(size, 0, INT64_MAX, &f->size, err) == -1)
		return err_set(err, ERR_INPUT,
		    "%s: line %zu: not a SHA256 and a size", in->what,
		    in->number);
	f->name = deb822_dup(w[2]);
	t->nfiles++;
	return 0;
}

static void
field(struct dsc *d, const struct deb822 *in)
{
	char **to = span_is(in->name, "Package")     ? &d->name
		    : span_is(in->name, "Version")   ? &d->version
		    : span_is(in->name, "Directory") ? &d->directory
						     : NULL;

	if (to) {
		free(*to);
		*to = deb822_dup(in->value);
	}
}

/* A stanza is over: it counts when it has all that is needed. */
static int
stanza(struct dscs *t, struct dsc *d, struct err *err)
{
	d->nfiles = t->nfiles - d->first;
	if (d->name && d->version && d->directory && d->nfiles > 0) {
		if (t->n == STANZAS_MAX || d->nfiles > FILES_MAX)
			return err_set(err, ERR_INPUT,
			    "too many source packages or files in one");
		MEM_GROW(t->v, t->n, t->cap);
		t->v[t->n++] = *d;
	} else {
		dsc_release(d);
	}
	*d = (struct dsc){ .suite = d->suite, .first = t->nfiles };
	return 0;
}

static int
read_stanzas(struct dscs *t, FILE *f, const char *what, struct err *err)
{
	auto_deb822 struct deb822 in;
	struct dsc d = { .suite = t->nsuites - 1, .first = t->nfiles };
	bool sums = false;
	int r;

	deb822_init(&in, f, what);
	while ((r = deb822_next(&in, err)) == 1) {
		if (in.kind == DEB822_FIELD) {
			sums = span_is(in.name, "Checksums-Sha256");
			field(&d, &in);
		} else if (in.kind == DEB822_MORE) {
			if (sums && add_file(t, &in, err) == -1)
				r = -1;
		} else if (stanza(t, &d, err) == -1) {
			r = -1;
		}
		if (r == -1)
			break;
	}
	if (r == 0)
		r = stanza(t, &d, err);
	dsc_release(&d);
	return r;
}

int
dscs_add_suite(struct dscs *t, const char *name, int fd, struct err *err)
{
	auto_free char *what = mem_printf("suite %s: Sources.xz", name);
	int own = dup(fd), r;
	FILE *f;

	if (own == -1)
		return err_sys(err, "%s", what);
	f = solv_xfopen_fd("Sources.xz", own, "r");
	if (!f) {
		close(own);
		return err_set(err, ERR_INPUT, "%s cannot be read", what);
	}
	MEM_GROW(t->suites, t->nsuites, t->suites_cap);
	t->suites[t->nsuites++] = mem_str(name);
	buf_printf(&t->names, "%s%s", t->names.len ? ", " : "", name);
	r = read_stanzas(t, f, what, err);
	fclose(f);
	return r;
}

static int
by_name(const void *va, const void *vb)
{
	const struct dsc *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	if (c != 0)
		return c;
	return (a->first > b->first) - (a->first < b->first);
}

void
dscs_ready(struct dscs *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_name);
}

/* The first of that name, or the end. */
static size_t
lower(const struct dscs *t, const char *name)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(t->v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void
describe(const struct dscs *t, const struct dsc *d, const struct dsc_file *f,
    struct lock_source *out)
{
	*out = (struct lock_source){
		.name = mem_str(d->name),
		.version = mem_str(d->version),
		.file = mem_str(f->name),
		.sha256 = f->sha256,
		.size = f->size,
		.path = mem_printf("%s/%s", d->directory, f->name),
		.suite = mem_str(t->suites[d->suite]),
	};
}

/* The highest version of a name; of equal ones, the earlier suite's. */
static const struct dsc *
best_of(const struct dscs *t, struct debs *debs, const char *name)
{
	const struct dsc *best = NULL;

	for (size_t i = lower(t, name);
	     i < t->n && strcmp(t->v[i].name, name) == 0; i++)
		if (!best || debs_version_compare(
				 debs, t->v[i].version, best->version) > 0)
			best = &t->v[i];
	return best;
}

int
dscs_files(struct dscs *t, struct debs *debs, const char *name,
    struct lock_sources *out, struct err *err)
{
	const struct dsc *best = best_of(t, debs, name);

	if (!best)
		return err_set(err, ERR_INPUT,
		    "source package %s is in none of the suites %s", name,
		    t->names.data);
	for (size_t i = 0; i < best->nfiles; i++) {
		MEM_GROW(out->v, out->n, out->cap);
		describe(
		    t, best, &t->files[best->first + i], &out->v[out->n++]);
	}
	return 0;
}

int
dscs_check(struct dscs *t, const struct lock_source *want, struct err *err)
{
	for (size_t i = lower(t, want->name);
	     i < t->n && strcmp(t->v[i].name, want->name) == 0; i++) {
		const struct dsc *d = &t->v[i];

		if (strcmp(d->version, want->version) != 0 ||
		    strcmp(t->suites[d->suite], want->suite) != 0)
			continue;
		for (size_t k = 0; k < d->nfiles; k++) {
			const struct dsc_file *f = &t->files[d->first + k];
			auto_free char *path =
			    mem_printf("%s/%s", d->directory, f->name);

			if (strcmp(f->name, want->file) == 0 &&
			    strcmp(path, want->path) == 0 &&
			    f->size == want->size &&
			    hash_equal(&f->sha256, &want->sha256))
				return 0;
		}
	}
	return err_set(err, ERR_TRUST,
	    "suite %s does not list source %s %s with the locked file %s",
	    want->suite, want->name, want->version, want->file);
}
